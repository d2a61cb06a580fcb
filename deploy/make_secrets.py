"""Make the secrets of a compose installation: a folder, that is a volume, for each who reads them.

Runs before every start, as root without any capability but CHOWN and without a network. A password
is made once and kept in the store; every other file is derived from the store and written anew.
Files are read-only and for the reader's group alone.
"""

import base64
import hashlib
import json
import os
import secrets
from pathlib import Path

from core.broker import topology

FOLDER = Path("/secrets")
STORE = FOLDER / "store"
MONGO_DATA = Path("/mongo-data")

# User and group of our images (deploy/Dockerfile) and of the official servers' images.
APP = 10001
SERVER = 999

PASSWORD_BYTES = 32
SALT_BYTES = 4

NOTHING = "^$"
ERRORS = f"^{topology.ERRORS_EXCHANGE}$"
ERROR_QUEUES = "|".join((*topology.ERROR_QUEUES.values(), topology.JOB_CREATED_DLQ))
# Of each user of the broker: what it may configure, write, read (regular expressions).
BROKER_USERS = {
    "setup": (".*", ".*", ".*"),
    "users": (NOTHING, ERRORS, NOTHING),
    "web": (NOTHING, ERRORS, NOTHING),
    "agendador": (
        NOTHING,
        f"^({topology.JOBS_EXCHANGE}|{topology.ERRORS_EXCHANGE})$",
        f"^({ERROR_QUEUES})$",
    ),
    "worker": (NOTHING, NOTHING, f"^{topology.JOB_CREATED}$"),
}

# Migrations run as the owner; the services can change rows, not tables.
ROLES_SQL = """\
CREATE ROLE agendador_owner LOGIN PASSWORD '{owner}';
CREATE ROLE agendador LOGIN PASSWORD '{services}';
ALTER DATABASE agendador OWNER TO agendador_owner;
REVOKE ALL ON DATABASE agendador FROM PUBLIC;
GRANT CONNECT ON DATABASE agendador TO agendador;
ALTER DEFAULT PRIVILEGES FOR ROLE agendador_owner
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO agendador;
"""

RABBITMQ_CONF = """\
load_definitions = /run/secrets/definitions.json
vm_memory_high_watermark.absolute = 512MiB
disk_free_limit.absolute = 256MiB
log.console = true
log.file = false
"""


def password(name: str) -> str:
    """Return the password of that name, made when it is asked for the first time.

    It needs no escaping in a URL, in SQL or in JSON.
    """
    kept = STORE / name
    if not kept.exists():
        write(kept, secrets.token_urlsafe(PASSWORD_BYTES), group=0)
    return kept.read_text()


def write(path: Path, text: str, *, group: int) -> None:
    """Write a whole file at once, readable by root and by the group."""
    draft = path.with_name(f".{path.name}")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o400)
    draft.chmod(0o600)
    draft.write_text(text)
    os.chown(draft, 0, group)
    draft.chmod(0o440)
    draft.replace(path)


def share(folder: str, files: dict[str, str], *, group: int = APP) -> None:
    """Write the files of one reader."""
    path = FOLDER / folder
    for name, text in files.items():
        write(path / name, text, group=group)
    os.chown(path, 0, group)
    path.chmod(0o750)


def database_url(role: str) -> str:
    """Return how a role reaches the ledger."""
    return f"postgresql+psycopg2://{role}:{password(f'postgres_{role}')}@postgres:5432/agendador"


def broker_url(user: str) -> str:
    """Return how a user reaches the broker."""
    return f"amqp://{user}:{password(f'rabbitmq_{user}')}@rabbitmq:5672/"


def mongo_url(user: str, database: str) -> str:
    """Return how a user, who belongs to that database, reaches MongoDB."""
    return f"mongodb://{user}:{password(f'mongo_{user}')}@mongo:27017/{database}"


def definitions() -> dict[str, object]:
    """Return the broker's users and what they may do, as RabbitMQ imports it when it starts."""
    return {
        "vhosts": [{"name": "/"}],
        "users": [
            {
                "name": user,
                "password_hash": _broker_hash(password(f"rabbitmq_{user}")),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": [],
            }
            for user in BROKER_USERS
        ],
        "permissions": [
            {"user": user, "vhost": "/", "configure": configure, "write": write, "read": read}
            for user, (configure, write, read) in BROKER_USERS.items()
        ],
    }


def _broker_hash(clear: str) -> str:
    salt = secrets.token_bytes(SALT_BYTES)
    return base64.b64encode(salt + hashlib.sha256(salt + clear.encode()).digest()).decode()


def main() -> None:
    """Write every secret where its reader finds it."""
    STORE.chmod(0o700)
    roles = ROLES_SQL.format(
        owner=password("postgres_agendador_owner"), services=password("postgres_agendador")
    )
    ledger = {"database_url": database_url("agendador")}
    share("postgres", {"password": password("postgres"), "roles.sql": roles}, group=SERVER)
    share("mongo", {"password": password("mongo_root")}, group=SERVER)
    share(
        "rabbitmq",
        {"rabbitmq.conf": RABBITMQ_CONF, "definitions.json": json.dumps(definitions())},
        group=SERVER,
    )
    share(
        "setup",
        {"database_url": database_url("agendador_owner"), "broker_url": broker_url("setup")},
    )
    share(
        "setup-accounts",
        {"mongo_url": mongo_url("root", "admin"), "users_password": password("mongo_users")},
    )
    share(
        "users",
        {
            "mongo_url": mongo_url("users", "users"),
            "broker_url": broker_url("users"),
            "keys_passphrase": password("keys_passphrase"),
        },
    )
    share("agendador", {**ledger, "broker_url": broker_url("agendador")})
    share("worker", {**ledger, "broker_url": broker_url("worker")})
    share("cronjob", ledger)
    share("web", {"secret_key": password("secret_key"), "broker_url": broker_url("web")})
    # MongoDB runs as this user from the start, so it cannot take the folder over itself.
    os.chown(MONGO_DATA, SERVER, SERVER)


if __name__ == "__main__":
    main()
