"""The first page is light: all of it, compressed, under 100 KB."""

from tests.web.conftest import Open

MOST_BYTES = 100_000


def test_the_first_page_weighs_less_than_100_kb_in_all(open_page: Open) -> None:
    page = open_page()
    sizes: list[int] = []
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on(
        "Network.loadingFinished", lambda event: sizes.append(int(event["encodedDataLength"]))
    )

    page.goto("/", wait_until="networkidle")

    assert len(sizes) >= 4
    assert sum(sizes) < MOST_BYTES
