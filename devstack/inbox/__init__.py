"""A mail catcher: takes any mail by SMTP and shows it, over MailHog's HTTP API and on a page."""
