"""Measured speed: each benchmark side by side with its peers or its limit, in the same run."""
