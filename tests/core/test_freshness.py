import pytest

from core.freshness import is_stale


@pytest.mark.parametrize(
    ("base", "stale"),
    [
        ("2026-11-24", False),
        ("2026-10-25", False),
        ("2026-10-24", True),
        ("2019-01-01", True),
        ("2027-01-01", False),
        ("", False),
        ("24/10/2019", False),
    ],
)
def test_data_is_stale_when_it_was_older_than_so_many_days(base: str, *, stale: bool) -> None:
    assert is_stale(base, "2026-11-24", 30) is stale


def test_what_does_not_say_when_it_was_asked_for_is_not_stale() -> None:
    assert not is_stale("2019-01-01", "", 30)
