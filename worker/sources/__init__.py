"""Where companies' data comes from: one module per source, one form of answer."""
