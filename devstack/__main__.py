"""The suite on one machine: ``python -m devstack up``, ``down``, ``status`` and so on."""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from devstack import backup, demo, services, stack
from devstack.process import DevstackError
from devstack.servers import ROOT
from devstack.stack import PUBLIC_PORTS, Stack

HOME = ROOT / "var"
LOG_LINES = "100"


def up(options: argparse.Namespace) -> int:
    """Start the whole suite in the background and print where it is."""
    with stack.alone(options.home):
        suite = _suite(options.home)
        fresh = not suite.runs()
        try:
            suite.up()
        except BaseException:
            if fresh:
                suite.down()
            raise
    _print_addresses(suite)
    return 0


def down(options: argparse.Namespace) -> int:
    """Stop everything that `up` started; the data stays."""
    with stack.alone(options.home):
        stack.existing(options.home).down()
    return 0


def status(options: argparse.Namespace) -> int:
    """Print how each process is; exit 1 unless all are ready."""
    states = {
        name: stack.state(program)
        for name, program in stack.existing(options.home).programs().items()
    }
    for name, state in states.items():
        print(f"{name:<12} {state}")
    return 0 if set(states.values()) == {"ready"} else 1


def start(options: argparse.Namespace) -> int:
    """Start one process and wait until it is ready."""
    stack.existing(options.home).program(options.name).start()
    return 0


def stop(options: argparse.Namespace) -> int:
    """Stop one process in an orderly way."""
    stack.existing(options.home).program(options.name).stop()
    return 0


def restart(options: argparse.Namespace) -> int:
    """Stop one process in an orderly way and start it again."""
    return stop(options) or start(options)


def kill(options: argparse.Namespace) -> int:
    """Kill one process at once, as a fault would."""
    stack.existing(options.home).program(options.name).kill()
    return 0


def summary(options: argparse.Namespace) -> int:
    """Run the daily summary now."""
    print(stack.existing(options.home).run(services.SUMMARY), end="")
    return 0


def back_up(options: argparse.Namespace) -> int:
    """Put everything that must not be lost into one folder, whether the suite runs or not."""
    with stack.alone(options.home):
        folder = backup.make(stack.existing(options.home))
    print(
        f"{folder}: {backup.verify(folder)}. It holds the secrets too: keep it as you keep those."
    )
    return 0


def restore(options: argparse.Namespace) -> int:
    """Put a backup back, the newest unless one is named; the suite must be down."""
    folder = options.folder or backup.newest(options.home)
    with stack.alone(options.home):
        suite = stack.existing(options.home)
        there = backup.check(suite, folder, force=options.force)
        print(f"{folder} holds {backup.verify(folder)}; {options.home} holds {there}.")
        if options.dry_run:
            print("Nothing was changed.")
        else:
            backup.restore(suite, folder)
            print("Restored. Start the suite (make up): what was queued or at work goes on.")
    return 0


def run(options: argparse.Namespace) -> int:
    """Run a command with the settings of the running suite."""
    suite = stack.existing(options.home)
    settings = services.environment(suite.servers, suite.ports)
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = options.command
    os.execvpe(command[0], command, {**os.environ, **settings, "PATH": programs})  # noqa: S606


def logs(options: argparse.Namespace) -> int:
    """Show the end of the logs; `-f` stays and shows what comes."""
    names = options.names or list(stack.existing(options.home).programs())
    files = [options.home / "log" / f"{name}.log" for name in names]
    follow = ["-F"] if options.follow else []
    command = ["tail", "-n", LOG_LINES, *follow, *(str(file) for file in files if file.exists())]
    os.execvp(command[0], command)  # noqa: S606 (no shell wanted)


def show(options: argparse.Namespace) -> int:  # noqa: ARG001 (every command takes the options)
    """Run the main job once, from a log-in to the daily summary, and print what happened."""
    demo.main()
    return 0


def _suite(home: Path) -> Stack:
    """Return the stack of a home: as it runs, else with the ports that the settings name."""
    public = {name: _port(name, default) for name, default in PUBLIC_PORTS.items()}
    suite = stack.existing(home)
    if not suite.runs():
        return stack.new(home, public)
    for name, port in public.items():
        if port != suite.ports[name]:
            raise DevstackError(
                f"{stack.setting(name)}={port}, but the suite already runs with "
                f"{suite.ports[name]}. Stop it first: make down"
            )
    return suite


def _port(name: str, default: int) -> int:
    setting = stack.setting(name)
    text = os.environ.get(setting, "") or str(default)
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65_536):  # noqa: PLR2004
        raise DevstackError(f"{setting}={text} is not a port: use a number from 1 to 65535.")
    return int(text)


def _print_addresses(suite: Stack) -> None:
    print("The suite runs in the background.\n")
    print(f"  pages               {suite.address('web')}")
    print(f"  jobs and results    {suite.address('agendador')}/swagger-ui/")
    print(f"  accounts, tokens    {suite.address('users')}/swagger-ui/")
    print(f"  mails that arrived  {suite.address('inbox')}  (SMTP {suite.ports['smtp']})")
    print(f"  simulated registry  {suite.servers.registry_page}?cnpj=<CNPJ>\n")
    print(f"Logs: {suite.home / 'log'}. State: make status. The day's summary: make summary.")
    print("An administrator: .venv/bin/python -m devstack run \\")
    print("    flask --app users.app createsuperuser NAME EMAIL")
    print("Stop it: make down")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devstack", description=__doc__)
    parser.add_argument("--home", type=Path, default=HOME, help="where all state is (%(default)s)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, function: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=function.__doc__, description=function.__doc__)
        added.set_defaults(function=function)
        return added

    for name, function in (("up", up), ("down", down), ("status", status), ("demo", show)):
        add(name, function)
    for name, function in (("start", start), ("stop", stop), ("restart", restart), ("kill", kill)):
        add(name, function).add_argument("name", metavar="PROCESS")
    add("summary", summary)
    add("backup", back_up)
    restored = add("restore", restore)
    restored.add_argument("folder", type=Path, nargs="?", metavar="FOLDER")
    restored.add_argument("--force", action="store_true", help="give up what is there")
    restored.add_argument("--dry-run", action="store_true", help="check everything, change nothing")
    add("run", run).add_argument("command", nargs=argparse.REMAINDER)
    shown = add("logs", logs)
    shown.add_argument("-f", "--follow", action="store_true", help="stay and show what comes")
    shown.add_argument("names", nargs="*", metavar="PROCESS")
    return parser


def main() -> int:
    """Run the command line; a failure that someone can act on is a message and exit code 1."""
    options = _parser().parse_args()
    options.home = options.home.resolve()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: tidily
    try:
        return int(options.function(options))
    except DevstackError as error:
        print(f"\n{error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
