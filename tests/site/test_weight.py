"""What a reader's browser fetches for a chapter, on a first visit."""

from collections import Counter

import pytest

from tests.site.visits import settle

pytestmark = pytest.mark.browser

MOST = 1_500_000  # bytes on the wire, compressed


def test_a_chapter_is_light(browser, served, chapter, record_property):
    context = browser.new_context()
    page = context.new_page()
    wire = context.new_cdp_session(page)
    addresses, sizes = {}, Counter()
    wire.on("Network.requestWillBeSent", lambda event: addresses.update({event["requestId"]: event["request"]["url"]}))
    wire.on(
        "Network.loadingFinished",
        lambda event: sizes.update({addresses[event["requestId"]]: event["encodedDataLength"]}),
    )
    wire.send("Network.enable")
    page.goto(served.address + chapter, wait_until="networkidle")
    settle(page)
    context.close()
    total = int(sum(sizes.values()))
    record_property("bytes", total)
    heaviest = "\n".join(
        f"{size:>10,.0f} {address.removeprefix(served.address)}" for address, size in sizes.most_common(8)
    )
    assert total > 50_000
    assert total <= MOST, f"{chapter} takes {total:,} bytes, at most {MOST:,} are allowed; the heaviest:\n{heaviest}"
