import os
from pathlib import Path

import pytest

from core import heartbeat
from core.heartbeat import Heartbeat


def test_the_first_beat_makes_the_file_at_once(tmp_path: Path) -> None:
    Heartbeat(tmp_path / "beat").beat()
    assert (tmp_path / "beat").exists()


def test_beats_in_quick_succession_touch_the_file_once(tmp_path: Path) -> None:
    file = tmp_path / "beat"
    beating = Heartbeat(file)
    beating.beat()
    os.utime(file, (0, 0))
    beating.beat()
    assert file.stat().st_mtime == 0


def test_a_later_beat_touches_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "INTERVAL_SECONDS", 0.0)
    file = tmp_path / "beat"
    beating = Heartbeat(file)
    beating.beat()
    os.utime(file, (0, 0))
    beating.beat()
    assert file.stat().st_mtime > 0


def test_without_a_file_nothing_happens(tmp_path: Path) -> None:
    Heartbeat(None).beat()
    assert not list(tmp_path.iterdir())
