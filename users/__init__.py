"""Accounts and tokens: Flask and MongoDB."""
