"""The assisted mode: a person passes the official page's check, the program does the rest.

It runs on that person's own computer and knows the suite by its two APIs alone, with their log-in:
neither the ledger nor the broker is within reach of a desktop.
"""
