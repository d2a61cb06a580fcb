"""The same work done with what a user would pick instead, set up as those tools' docs advise."""
