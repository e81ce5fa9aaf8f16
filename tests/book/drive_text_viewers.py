"""Uses the viewers of one text as a person would: `python -m tests.book.drive_text_viewers PAGE`.

A program of its own, because graders run with sockets blocked. PAGE holds one viewer of each kind,
with the numbers of test_text_viewers.py; its second token is a piece of HTML.
"""

import sys
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.book.browse import CHROMIUM, QUIET

HOSTILE = "</script><b>"


def main(path: Path) -> None:
    """Open the page as a file, light and dark, on a screen and on a phone."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        for width, scheme in ((1000, "dark"), (390, "light")):
            page = browser.new_page(viewport={"width": width, "height": 700}, color_scheme=scheme)
            errors: list[str] = []
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("request", lambda r: errors.append(r.url) if r.url != path.as_uri() else None)
            page.goto(path.as_uri())
            expect(page.locator(".mi-viewer[data-milliseconds]")).to_have_count(4)
            read_patterns(page)
            read_lens(page)
            read_attribution(page)
            read_heads(page)
            assert page.locator("b").count() == 0, "a token became an element"
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
            assert not errors, errors
        browser.close()


def read_patterns(page: Page) -> None:
    """Choose heads by list, mouse and keys; tokens by mouse and keys; an entry in the square."""
    viewer = page.locator("[data-kind=patterns]")
    status, tokens, grid = viewer.locator(".status"), viewer.locator(".text button"), "Head 1.0: "
    expect(tokens).to_have_text(["·the", HOSTILE, "cat"])
    expect(status).to_have_text("Head 0.1: “cat” (2) attends to “·the” (0) 100 %.")
    viewer.locator("select").select_option("1.0")
    expect(status).to_have_text(f"{grid}“cat” (2) attends to “{HOSTILE}” (1) 75 %, “cat” (2) 25 %.")
    tokens.nth(0).hover()
    expect(status).to_have_text(f"{grid}“·the” (0) attends to “·the” (0) 100 %.")
    tokens.nth(0).focus()
    page.keyboard.press("ArrowRight")
    expect(tokens.nth(1)).to_be_focused()
    expect(status).to_have_text(f"{grid}“{HOSTILE}” (1) attends to “·the” (0) 100 %.")
    overview = viewer.locator(".overview canvas")
    overview.focus()
    page.keyboard.press("ArrowLeft")  # two layers, two heads: layers from left to right
    expect(status).to_contain_text("Head 0.0")
    box = overview.bounding_box()
    assert box is not None and box["width"] <= 240, "two heads of at most 120 pixels"
    overview.click(position={"x": 0.75 * box["width"], "y": 0.25 * box["height"]})
    expect(status).to_contain_text("Head 1.0")
    square = viewer.locator(".matrix canvas").bounding_box()
    assert square is not None
    viewer.locator(".matrix canvas").hover(
        position={"x": square["width"] / 2, "y": 0.9 * square["height"]}
    )
    expect(status).to_contain_text(f"; to “{HOSTILE}” (1) 75 %.")


def read_lens(page: Page) -> None:
    """The last layer is on top; a cell tells its tokens and the rank of the final prediction."""
    viewer = page.locator("[data-kind=lens]")
    cells = viewer.locator("td")
    expect(viewer.locator("tbody th")).to_have_text(["1", "embed"])
    expect(cells).to_have_text(["w2", "w0", "w1", "w1", "w0", HOSTILE])
    cells.nth(3).hover()
    expect(viewer.locator(".status")).to_have_text(
        f"After “·the” (0), layer embed: “w1” 50 %, “w2” 25 %, “{HOSTILE}” 15 %, “w0” 10 %."
    )
    expect(viewer.locator(".largest")).to_have_text(
        "The model's own prediction here, “w2”, has 25 % and is number 2 of the vocabulary."
    )
    cells.nth(3).focus()
    page.keyboard.press("ArrowUp")
    expect(cells.nth(0)).to_be_focused()
    expect(viewer.locator(".status")).to_contain_text("layer 1: “w2” 50 %")
    shares = "cells => cells.map(cell => cell.style.getPropertyValue('--mi-share'))"
    before = cells.evaluate_all(shares)
    viewer.locator("select").select_option("answer")
    assert [a == b for a, b in zip(before, cells.evaluate_all(shares), strict=True)] == [
        True, True, True, False, True, False,
    ]  # fmt: skip


def read_attribution(page: Page) -> None:
    """Choosing a token splits its logit; a cell names its component; the parts sum up."""
    viewer = page.locator("[data-kind=attribution]")
    total, status = viewer.locator(".status").nth(0), viewer.locator(".status").nth(1)
    expect(viewer.locator("thead th")).to_have_text(
        ["layer", "0", "1", "mlp", "bias", "sum so far"]
    )
    expect(total).to_have_text(
        "After “cat” the logit of “c” is +0.50: embedding +1.00, layers −0.75 and biases +0.25."
    )
    expect(viewer.locator(".largest button").first).to_have_text("head 1.1 −2.00")
    viewer.locator(".largest button").first.click()
    expect(status).to_have_text("head 1.1: −2.00 on the logit of “c”.")
    expect(viewer.locator("td.here")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(status).to_have_text("head 0.1: +0.00 on the logit of “c”.")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(status).to_have_text("Embedding and layers 0 to 0 add up to +2.00 on the logit of “c”.")
    viewer.locator(".text button").nth(1).click()
    expect(total).to_contain_text(f"After “{HOSTILE}” the logit of “{HOSTILE}” is +0.00")


def read_heads(page: Page) -> None:
    """A cell of the map tells its value."""
    viewer = page.locator("[data-kind=heads]")
    viewer.locator("td").nth(2).hover()
    expect(viewer.locator(".status")).to_have_text("Head 1.0: −0.500 nats <b>")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
