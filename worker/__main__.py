"""The worker's commands: `python -m worker COMMAND`."""

import argparse
import signal
import sys
import threading
from types import FrameType

from core import logs, settings
from worker.assisted.cli import add_assisted_command
from worker.open_data.cli import add_import_command
from worker.settings import LookupSettings, MailerSettings
from worker.sources.cli import add_consult_command, add_parse_command


def main(arguments: list[str] | None = None) -> int:
    """Run the command that the arguments name and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m worker", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    lookups = commands.add_parser("lookups", help="take jobs by priority and look companies up")
    lookups.set_defaults(run=_lookups)
    mail = commands.add_parser("mail", help="send the ledger's unsent mails")
    mail.set_defaults(run=_mail)
    add_parse_command(commands)
    add_consult_command(commands)
    add_import_command(commands)
    add_assisted_command(commands)
    chosen = parser.parse_args(arguments)
    code: int = chosen.run(chosen)
    return code


def _lookups(_arguments: argparse.Namespace) -> int:
    from core.ledger.connection import engine  # noqa: PLC0415 each command loads what it needs
    from worker.lookups import Lookups  # noqa: PLC0415
    from worker.sources.chain import build_chain  # noqa: PLC0415
    from worker.sources.guard import CONNECTIONS, SharedGuard  # noqa: PLC0415

    config = settings.load(LookupSettings)
    logs.configure(config, "worker-lookups")
    guard = SharedGuard(engine(config, "sources", CONNECTIONS), config)
    Lookups(config, build_chain(config, guard)).run(_stop_on_signals())
    return 0


def _mail(_arguments: argparse.Namespace) -> int:
    from worker.mailer import Mailer  # noqa: PLC0415 each command loads only what it needs

    config = settings.load(MailerSettings)
    logs.configure(config, "worker-mail")
    Mailer(config).run(_stop_on_signals())
    return 0


def _stop_on_signals() -> threading.Event:
    stopping = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return stopping


if __name__ == "__main__":
    sys.exit(main())
