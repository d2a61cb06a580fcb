"""What the services share. Imports nothing of theirs."""
