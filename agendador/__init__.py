"""Jobs, runs and results over HTTP; the dispatcher; migrations."""
