"""A browser that the person sees, and what the official page shows in it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from playwright.sync_api import BrowserContext, Error, Page, sync_playwright

from worker.sources import uploaded_page
from worker.sources.errors import SourceError

LOOK_MS = 500
OPEN_MS = 60_000


class BrowserError(Exception):
    """No browser could be opened; the message is for the person."""


@contextmanager
def visible(program: str | None) -> Iterator[BrowserContext]:
    """Open a browser on the person's desktop: Playwright's Chromium, or this program.

    It is a plain one: nothing hides from a page that it was opened by a program. Raises
    BrowserError.
    """
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                headless=False, executable_path=program, chromium_sandbox=True
            )
        except Error as exc:
            raise BrowserError(exc.message.strip().partition("\n")[0]) from exc
        try:
            yield browser.new_context(no_viewport=True, locale="pt-BR")
        finally:
            with suppress(Error):
                browser.close()


def is_open(context: BrowserContext) -> bool:
    """Tell whether the person has left the browser open."""
    return context.browser is not None and context.browser.is_connected()


def certificate(context: BrowserContext, address: str, cnpj: str) -> bytes | None:
    """Open the official page and return the certificate of this CNPJ once some tab shows it.

    The person may take any time; who closes every tab gives none.
    """
    with suppress(Error):
        # What cannot be opened now the person may load again.
        context.new_page().goto(address, timeout=OPEN_MS, wait_until="commit")
    while context.pages:
        for page in context.pages:
            content = _shown(page)
            if _is_certificate(content, cnpj):
                _close_pages(context)
                return content
        for page in context.pages[:1]:
            with suppress(Error):
                page.wait_for_timeout(LOOK_MS)
    return None


def _shown(page: Page) -> bytes:
    """Return what a tab shows now; nothing while it goes from one page to the next."""
    try:
        return page.content().encode("utf-8", "replace")
    except Error:
        return b""


def _is_certificate(content: bytes, cnpj: str) -> bool:
    try:
        uploaded_page.read(content, cnpj)
    except SourceError:
        return False
    return True


def _close_pages(context: BrowserContext) -> None:
    for page in context.pages:
        with suppress(Error):
            page.close()
