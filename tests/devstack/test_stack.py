"""The suite's ports, secrets and command line, short of starting it all."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from devstack import ports, services, stack
from devstack.process import DevstackError
from devstack.stack import PUBLIC_PORTS, Stack

TIMEOUT = 60


def devstack(home: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command line on a home."""
    return subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-m", "devstack", "--home", str(home), *arguments],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
    )


def free_ports() -> dict[str, int]:
    return dict(zip(PUBLIC_PORTS, ports.free(len(PUBLIC_PORTS)), strict=True))


def some_stack(home: Path) -> Stack:
    return stack.new(home, free_ports())


def test_a_taken_port_is_an_error_that_names_it_and_its_setting(tmp_path: Path) -> None:
    settings = {stack.setting(name): str(port) for name, port in free_ports().items()}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = devstack(tmp_path, "up", **settings | {"INBOX_PORT": str(port)})

    assert result.returncode == 1
    assert f"Port {port} is taken" in result.stderr
    assert "INBOX_PORT=" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_port_that_is_no_number_is_an_error_that_names_its_setting(tmp_path: Path) -> None:
    result = devstack(tmp_path, "up", WEB_PORT="three thousand")

    assert result.returncode == 1
    assert "WEB_PORT=three thousand is not a port" in result.stderr


def test_an_unknown_process_is_an_error_that_lists_the_known_ones(tmp_path: Path) -> None:
    result = devstack(tmp_path, "restart", "wroker")

    assert result.returncode == 1
    assert "There is no 'wroker'" in result.stderr
    assert "worker" in result.stderr


def test_the_status_of_a_home_in_which_nothing_runs_says_so(tmp_path: Path) -> None:
    result = devstack(tmp_path, "status")

    assert result.returncode == 1
    assert [line.split()[1] for line in result.stdout.splitlines()] == ["stopped"] * 13


def test_stopping_what_does_not_run_is_no_error(tmp_path: Path) -> None:
    assert devstack(tmp_path, "down").returncode == 0


def test_a_home_remembers_its_ports(tmp_path: Path) -> None:
    first = some_stack(tmp_path)

    assert stack.existing(tmp_path) == first
    assert len(set(first.ports.values())) == len(first.ports)


def test_two_free_ports_are_never_the_same() -> None:
    assert len(set(ports.free(50))) == 50


def test_a_port_in_use_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert not ports.is_free(port)
        with pytest.raises(DevstackError, match=str(port)):
            ports.require_free(port, "WEB_PORT")


def test_secrets_are_made_once_and_only_their_owner_can_read_them(tmp_path: Path) -> None:
    suite = some_stack(tmp_path)

    def made() -> dict[str, str]:
        folder = Path(services.environment(suite.servers, suite.ports)["SECRETS_DIR"])
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in folder.iterdir())
        return {file.name: file.read_text() for file in folder.iterdir()}

    first = made()

    assert set(first) == {"keys_passphrase", "secret_key"}
    assert min(map(len, first.values())) >= 32
    assert made() == first


def test_two_homes_have_different_secrets(tmp_path: Path) -> None:
    folders = [
        Path(services.environment(suite.servers, suite.ports)["SECRETS_DIR"])
        for suite in (some_stack(tmp_path / "one"), some_stack(tmp_path / "two"))
    ]

    assert len({(folder / "secret_key").read_text() for folder in folders}) == 2


def test_every_service_of_the_table_is_in_the_stack(tmp_path: Path) -> None:
    programs = some_stack(tmp_path).programs()

    assert {service.name for service in services.SERVICES} <= set(programs)
    assert all(programs[name].name == name for name in programs)


def test_a_command_runs_with_the_settings_of_the_suite(tmp_path: Path) -> None:
    suite = some_stack(tmp_path)
    code = "import os; print(os.environ['USERS_URL'])"

    assert suite.run([sys.executable, "-c", code]).strip() == suite.address("users")


def test_a_command_that_fails_is_an_error_with_what_it_said(tmp_path: Path) -> None:
    suite = some_stack(tmp_path)

    with pytest.raises(DevstackError, match="no such luck"):
        suite.run([sys.executable, "-c", "raise SystemExit('no such luck')"])
