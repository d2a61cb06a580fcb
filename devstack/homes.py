"""Homes: the folders, all below ``var/``, in which a suite keeps its state."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from devstack import postgres
from devstack.process import end_all
from devstack.servers import ROOT

VAR = ROOT / "var"


@contextmanager
def throwaway(kind: str) -> Iterator[Path]:
    """Give a home that ends with the ``with`` block, and with it whatever still runs in it.

    Its logs stay after a failure, until the next time. What a killed run left behind is cleared.
    """
    for old in VAR.glob(f"{kind}-*"):
        if not psutil.pid_exists(int(old.name.removeprefix(f"{kind}-"))):
            discard(old)
    home = VAR / f"{kind}-{os.getpid()}"
    home.mkdir(parents=True)
    try:
        yield home
    except BaseException:
        discard(home, keep="log")
        raise
    discard(home)


def discard(home: Path, *, keep: str = "") -> None:
    """End everything that runs in a home, at once, and remove all but the entry to keep."""
    end_all(home)
    postgres.discard(home)
    for entry in home.iterdir():
        if entry.name == keep:
            continue
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    if not keep:
        home.rmdir()
