"""The pages: what people see. Flask and Jinja over the APIs of `users` and `agendador`."""
