"""What `users` asks of the agendador."""

import urllib3
from urllib3.exceptions import HTTPError

from core import logs
from users.settings import UsersSettings

# What it had no time to answer it may well have done; to be asked again does no harm.
TIMEOUT = urllib3.Timeout(connect=2.0, read=10.0)
OK, REDIRECTS = 200, 300

log = logs.logger(__name__)


def end_all(settings: UsersSettings, token: str) -> bool:
    """Have all jobs and mails of whom the token names ended; False if that has to be repeated."""
    url = str(settings.agendador_url).rstrip("/") + "/me"
    try:
        # Without retries no redirect is followed: the token goes to this address alone.
        answer = urllib3.request(
            "DELETE",
            url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT,
            retries=False,
            preload_content=False,
        )
    except HTTPError as exc:
        log.warning("agendador_unavailable", error=type(exc).__name__)
        return False
    answer.close()
    if not OK <= answer.status < REDIRECTS:
        log.warning("agendador_refused", status=answer.status)
        return False
    return True
