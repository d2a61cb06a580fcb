"""The summary that every user with consultations that day gets at 19:00, America/Sao_Paulo."""
