"""The sources by name."""

from importlib import import_module

from worker.sources.source import Source


def find(name: str) -> Source:
    """Return the source that the module of that name defines."""
    source: Source = import_module(f"worker.sources.{name}").SOURCE
    return source
