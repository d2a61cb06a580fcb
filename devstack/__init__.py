"""The whole suite on one machine without Docker."""
