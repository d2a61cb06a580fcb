"""What people type: ``make demo``, ``make up``, ``make down`` (without make)."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from devstack import homes, ports, stack
from devstack.process import is_alive
from devstack.servers import ROOT
from devstack.stack import PUBLIC_PORTS

SECONDS = 120


def devstack(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    return subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-m", "devstack", *arguments],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    homes.discard(tmp_path, keep="log")


def test_the_demo_shows_the_main_job_and_leaves_nothing_behind() -> None:
    demo = devstack("demo")

    assert demo.returncode == 0, demo.stdout + demo.stderr
    priorities = re.findall(r"^ +(\d) +Consulta \d", demo.stdout, re.MULTILINE)
    assert priorities == ["5", "5", "4", "3", "2", "1", "0", "0"]
    assert re.search(r"^ +nome_empresarial +\w", demo.stdout, re.MULTILINE)
    assert "16 mails have arrived" in demo.stdout
    assert "Resumo de" in demo.stdout
    assert list(homes.VAR.glob("demo-*")) == []


def test_the_suite_goes_up_twice_and_down_again(home: Path) -> None:
    free = dict(zip(PUBLIC_PORTS, map(str, ports.free(len(PUBLIC_PORTS))), strict=True))
    settings = {stack.setting(name): port for name, port in free.items()}
    here = "--home", str(home)

    first = devstack(*here, "up", **settings)
    assert first.returncode == 0, first.stderr
    processes = {name: p.process() for name, p in stack.existing(home).programs().items()}
    assert all(f"127.0.0.1:{free[name]}" in first.stdout for name in ("web", "users", "agendador"))
    for name in ("web", "users", "agendador", "inbox"):
        address = f"http://127.0.0.1:{free[name]}/readyz"
        assert requests.get(address, timeout=SECONDS).status_code == 200

    assert devstack(*here, "up", **settings).returncode == 0
    assert processes == {n: p.process() for n, p in stack.existing(home).programs().items()}
    moved = devstack(*here, "up", **settings | {"WEB_PORT": "1"})
    assert moved.returncode == 1
    assert "WEB_PORT=1, but the suite already runs" in moved.stderr

    assert devstack(*here, "down").returncode == 0
    assert not stack.existing(home).runs()
    assert not any(is_alive(process) for process in processes.values() if process)
    assert all(ports.is_free(int(port)) for port in free.values())
