import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core import settings
from core.settings import BrokerSettings, LedgerSettings, Settings
from devstack.servers import ROOT
from worker.settings import LookupSettings

SECRET = "girassol-do-campo"
DATABASE = "postgresql://ledger@localhost/ledger"


class Both(BrokerSettings, LedgerSettings):
    """What the agendador's processes have at the least."""


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("BROKER_URL", "BROKER_NAMESPACE", "DATABASE_URL", "LOG_LEVEL", "HEARTBEAT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))


def refused(kind: type[Settings], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stopped:
        settings.load(kind)
    assert stopped.value.code == 2
    told = capsys.readouterr()
    assert told.out == ""
    return told.err


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_URL", "amqp://guest:guest@localhost:5672/")
    monkeypatch.setenv("BROKER_NAMESPACE", "mine.")
    loaded = settings.load(BrokerSettings)
    assert loaded.broker_url.get_secret_value() == "amqp://guest:guest@localhost:5672/"
    assert loaded.broker_namespace == "mine."
    assert loaded.log_level == "INFO"


def test_every_missing_variable_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    told = refused(Both, capsys)
    assert "BROKER_URL: Field required" in told
    assert "DATABASE_URL: Field required" in told
    assert ".env.example" in told


@pytest.mark.parametrize(
    "url",
    [
        f"http://guest:{SECRET}@localhost/",
        SECRET,
        f"amqp://guest:{SECRET}@localhost:port/",
        # A password with a character that has to be percent-encoded.
        f"amqp://guest:{SECRET}/x@localhost:5672/",
        f"amqp://guest:{SECRET}#x@localhost:5672/",
        f"amqp://guest:x@localhost:5672/?heartbeat={SECRET}",
        f"amqp://guest:{SECRET}@[::1",
    ],
)
def test_a_bad_broker_url_is_named_and_never_shown(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BROKER_URL", url)
    told = refused(BrokerSettings, capsys)
    assert "BROKER_URL" in told
    assert SECRET not in told


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://root:{SECRET}@localhost/ledger",
        f"postgresql+asyncpg://root:{SECRET}@localhost/ledger",
        f"postgresql://root:x@y:{SECRET}@localhost/ledger",
        f"postgresql://root:{SECRET}@localhost:port/ledger",
        SECRET,
        "",
    ],
)
def test_a_bad_database_url_is_named_and_never_shown(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    told = refused(LedgerSettings, capsys)
    assert "DATABASE_URL" in told
    assert SECRET not in told


def test_a_bad_choice_tells_the_good_ones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    told = refused(Settings, capsys)
    assert "LOG_LEVEL" in told
    assert "'WARNING'" in told
    assert "LOUD" not in told


def test_a_heartbeat_needs_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEARTBEAT_FILE", str(tmp_path / "beat"))
    assert settings.load(Settings).heartbeat_file == tmp_path / "beat"
    monkeypatch.setenv("HEARTBEAT_FILE", str(tmp_path / "missing" / "beat"))
    assert "setting HEARTBEAT_FILE: " in refused(Settings, capsys)


def test_a_secret_may_come_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "database_url").write_text(f"postgresql://root:{SECRET}@localhost/ledger\n")
    url = settings.load(LedgerSettings).database_url
    assert url.get_secret_value() == f"postgresql://root:{SECRET}@localhost/ledger"


def test_a_bad_file_is_named_and_never_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "database_url").write_text(f"mysql://root:{SECRET}@localhost/ledger")
    told = refused(LedgerSettings, capsys)
    assert "DATABASE_URL" in told
    assert SECRET not in told


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "database_url").write_text("postgresql://file@localhost/ledger")
    monkeypatch.setenv("DATABASE_URL", DATABASE)
    assert settings.load(LedgerSettings).database_url.get_secret_value() == DATABASE


def test_a_missing_secrets_folder_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRETS_DIR", "/nowhere/at/all")
    monkeypatch.setenv("DATABASE_URL", DATABASE)
    assert settings.load(LedgerSettings).database_url.get_secret_value() == DATABASE


def test_printing_settings_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://root:{SECRET}@localhost/ledger")
    loaded = settings.load(LedgerSettings)
    assert SECRET not in repr(loaded)
    assert SECRET not in json.dumps(loaded.model_dump(mode="json"))


def test_the_environment_of_other_programs_does_not_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", DATABASE)
    monkeypatch.setenv("DATABASE_URL_OF_SOMETHING_ELSE", "x")
    settings.load(LedgerSettings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RECEITA", SECRET),
        ("RECEITA_TIMEOUT", SECRET),
        ("RECEITA_URL", f"ftp://{SECRET}"),
        ("RECEITA_PASSWORD", SECRET),
        ("SOURCES", SECRET),
        ("LOOKUP_SLOTS", "0"),
    ],
)
def test_a_bad_setting_of_the_worker_is_named_and_never_shown(
    name: str,
    value: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", DATABASE)
    monkeypatch.setenv("BROKER_URL", "amqp://localhost/")
    monkeypatch.setenv(name, value)
    told = refused(LookupSettings, capsys)
    assert f"setting {name}" in told
    assert SECRET not in told


def test_a_process_with_a_bad_setting_ends_with_code_2_and_no_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "worker", "lookups"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": SECRET, "BROKER_URL": "amqp://localhost/"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "setting DATABASE_URL" in done.stderr
    assert SECRET not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
