"""The whole suite as processes, on servers of its own."""

from collections.abc import Iterator

import pytest

from devstack import homes, ports
from devstack.stack import PUBLIC_PORTS, Stack, new


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with homes.throwaway("e2e") as home:
        suite = new(home, dict(zip(PUBLIC_PORTS, ports.free(len(PUBLIC_PORTS)), strict=True)))
        suite.up(without=("web", "cronjob"))
        yield suite
        suite.down()
