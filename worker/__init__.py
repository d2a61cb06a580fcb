"""Consumes jobs by priority, fetches and parses company pages, stores results; the mailer."""
