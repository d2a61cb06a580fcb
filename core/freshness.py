"""How old a source's data may be before it is told with a warning."""

from datetime import date, timedelta

STALE_DAYS = 30


def is_stale(data_da_base: str, data_pesquisa: str, stale_days: int) -> bool:
    """Tell whether data was older than so many days when it was asked for.

    Both are dates as results hold them, `YYYY-MM-DD`; what does not say its age is not stale.
    """
    try:
        age = date.fromisoformat(data_pesquisa) - date.fromisoformat(data_da_base)
    except ValueError:
        return False
    return age > timedelta(days=stale_days)
