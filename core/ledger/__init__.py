"""The ledger: jobs, runs, results and mails in PostgreSQL, the truth of the system.

`models` holds the tables, `transitions` every change of state and nothing else changes one,
`queries` the reads, `connection` how a process reaches the database.
"""
