"""Uses a saved feature viewer as a person would: `python -m tests.book.drive_viewer PAGE`.

A program of its own, because graders run with sockets blocked.
"""

import sys
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.book.browse import CHROMIUM, QUIET


def main(path: Path) -> None:
    """Open the page as a file; choose features and tokens by mouse and by keyboard."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 390, "height": 700})
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda r: errors.append(r.url) if r.url != path.as_uri() else None)
        page.goto(path.as_uri())
        tokens, status = page.locator(".text button"), page.locator(".status")
        expect(tokens).to_have_text(["·the", "</script><b>", "cat", "a"])
        expect(page.locator(".facts")).to_have_text("active at 3 of 4 tokens, largest 4.0")
        tokens.nth(2).hover()
        expect(status).to_have_text("cat (text 0): feature 0: zero has 4.0")
        expect(page.locator(".largest button")).to_have_text(
            ["0: zero 4.0", "1: one 0.50", "7: own 0.50"]
        )
        page.locator(".largest button").nth(1).click()
        expect(tokens.nth(2)).to_be_focused()
        expect(status).to_have_text("cat (text 0): feature 1: one has 0.50")
        page.select_option("select", "0")
        page.keyboard.press("ArrowLeft")  # the focus is at the token that was pointed at
        expect(status).to_have_text("</script><b> (text 0): feature 0: zero has 1.0")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        page.select_option("select", "2")  # a feature with one text of its own
        expect(page.locator(".text:visible button")).to_have_text(["a"])
        expect(page.locator(".facts")).to_have_text("promotes b")
        expect(status).to_have_text("Point at a token, or move with Tab and the arrow keys.")
        expect(page.locator(".largest button")).to_have_count(0)
        tokens.nth(3).focus()
        page.keyboard.press("ArrowLeft")  # the texts before are hidden
        expect(tokens.nth(3)).to_be_focused()
        page.select_option("select", "0")
        expect(page.locator(".text:visible")).to_have_count(2)
        assert not errors, errors
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
