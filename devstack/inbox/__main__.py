"""The mail catcher as a program: ``python -m devstack.inbox --folder var/inbox``."""

import argparse
from functools import partial
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from devstack.inbox.api import respond
from devstack.inbox.store import Store
from devstack.ports import LOOPBACK
from devstack.webserver import serve

MAX_MAIL_BYTES = 10 * 1024 * 1024


class Catcher:
    """Takes every mail for anyone (aiosmtpd calls its ``handle_`` methods)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        """Keep one mail; the answer goes to the client."""
        self._store.add(
            helo=session.host_name or "",
            sender=envelope.mail_from or "",
            recipients=tuple(envelope.rcpt_tos),
            content=bytes(envelope.original_content or b""),
        )
        return "250 2.0.0 OK: kept"


def main() -> None:
    """Catch mails and show them until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m devstack.inbox", description=__doc__)
    parser.add_argument("--host", default=LOOPBACK, help="address to listen on (%(default)s)")
    parser.add_argument("--smtp-port", type=int, default=1025, help="SMTP port (%(default)s)")
    parser.add_argument("--http-port", type=int, default=8025, help="HTTP port (%(default)s)")
    parser.add_argument("--folder", type=Path, required=True, help="where the mails are kept")
    options = parser.parse_args()
    store = Store(options.folder)
    Controller(
        Catcher(store),
        hostname=options.host,
        port=options.smtp_port,
        data_size_limit=MAX_MAIL_BYTES,
        enable_SMTPUTF8=True,
        decode_data=False,
    ).start()
    serve(options.host, options.http_port, partial(respond, store))


if __name__ == "__main__":
    main()
