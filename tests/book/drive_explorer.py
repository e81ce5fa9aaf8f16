"""Uses the graph explorer as a person would: `python -m tests.book.drive_explorer FOLDER`.

The folder has small.html, big.html and files to open, which test_explorer.py writes. A program of
its own, because graders run with sockets blocked.
"""

import json
import statistics
import sys
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.book.browse import CHROMIUM, QUIET


def main(folder: Path) -> None:
    """Open both pages as files; each error of the page, or request, fails."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("dialog", lambda dialog: errors.append(f"a dialog: {dialog.message}"))
        page.on("request", lambda r: errors.append(r.url) if not r.url.startswith("file:") else 0)
        page.goto((folder / "small.html").as_uri())
        read_tables(page)
        use_keyboard(page)
        view = group_and_link(page)
        open_files(page, folder)
        page.goto("about:blank")
        page.goto(view)  # in a fresh page, the link restores the view
        expect(page.locator(".status")).to_have_text("The view of the link is restored.")
        expect(page.locator(".panel h4").first).to_have_text("verbs: 2 nodes")
        page.goto(view.replace("view=", "view=broken"))
        expect(page.locator(".status")).to_contain_text("copy the whole link")
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        print(json.dumps(measure(page, folder)))
        assert not errors, errors
        browser.close()


def numbers(page: Page, table: int = 0) -> list[int]:
    """The right column of a table, in thousandths."""
    cells = page.locator(".panel table").nth(table).locator("td:last-child").all_text_contents()
    return [round(float(cell.replace("−", "-")) * 1000) for cell in cells]


def read_tables(page: Page) -> None:
    """The target is chosen at first; its edges add up, hidden ones too."""
    expect(page.locator(".panel h4").first).to_have_text('Output "are" (p=0.250)')
    *parts, total = numbers(page)
    assert sum(parts) == total == 1600, (parts, total)
    expect(page.locator(".agrees")).to_contain_text("own value: +1.600. They agree")
    page.locator("input[type=range]").fill("0.85")
    expect(page.locator(".panel")).to_contain_text("1 edges hidden by the view")
    *parts, total = numbers(page)
    assert sum(parts) == total == 1600, "what the slider hides still counts"
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("output")).to_have_text("100.0 %")
    page.get_by_role("searchbox").fill("2.7 is")
    page.locator(".found button").click()
    expect(page.locator(".warning")).to_contain_text("does not add up here, +0.500 is missing")
    expect(page.locator(".panel")).to_contain_text("Writes: ·is  </script><img·src=x>")


def use_keyboard(page: Page) -> None:
    """Reach, choose and pin nodes without a mouse; take it back."""
    canvas, heading = page.locator("canvas"), page.locator(".panel h4").first
    page.evaluate("window.addEventListener('keydown', (event) => { window.pressed = event.key; })")
    canvas.focus()
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(heading).to_contain_text("2.7 is")
    page.keyboard.press("p")
    expect(page.locator(".status")).to_contain_text("is pinned")
    page.keyboard.press("i")  # along the strongest incoming edge
    expect(heading).to_contain_text("0.3 keys")
    page.keyboard.press("p")
    expect(page.locator(".panel")).to_contain_text("Pinned (2)")
    page.keyboard.press("z")
    expect(page.locator(".panel")).to_contain_text("Pinned (1)")
    page.keyboard.press("Z")
    expect(page.locator(".panel")).to_contain_text("Pinned (2)")
    assert page.evaluate("window.pressed === undefined"), "the book turns pages at p and n"


def group_and_link(page: Page) -> str:
    """Make a supernode, whose edges add up too; return the link to the view."""
    for box in page.locator(".panel li input[type=checkbox]").all():
        box.check()
    page.get_by_label("Name of the supernode").fill("verbs")
    page.get_by_role("button", name="Group", exact=True).click()
    expect(page.locator(".panel h4").first).to_have_text("verbs: 2 nodes")
    expect(page.locator(".panel table").first).to_contain_text("inside this group")
    *parts, total = numbers(page)
    assert sum(parts) == total == 2000, (parts, total)
    page.get_by_role("button", name="Link").click()
    return page.get_by_label("Link to this view").input_value()


def open_files(page: Page, folder: Path) -> None:
    """Each wrong file is refused with its reason, and the graph stays."""
    title, status = page.locator(".title"), page.locator(".status")
    before = title.text_content()
    for name, words in json.loads((folder / "wrong.json").read_text("utf-8")).items():
        page.locator("input[type=file]").set_input_files(folder / name)
        expect(status).to_contain_text(f"{name} cannot be shown.")
        expect(status).to_contain_text(words)
        expect(title).to_have_text(before or "")
    page.locator("input[type=file]").set_input_files(folder / "right.json")
    expect(status).to_have_text("right.json is open.")
    assert page.evaluate("window.attacked === undefined"), "a label was run"
    assert page.locator("img").count() == 0, "a label became an element"


def measure(page: Page, folder: Path) -> dict[str, float]:
    """Load 2,000 nodes with 50,000 edges, and pan over them."""
    page.set_viewport_size({"width": 1200, "height": 900})
    page.goto((folder / "big.html").as_uri())
    expect(page.locator(".facts").first).to_contain_text("50,000 edges")
    loaded = float(page.locator(".mi-viewer").get_attribute("data-milliseconds") or "inf")
    page.evaluate("""() => {
        window.took = [];
        const type = miGraphs.GraphCanvas.prototype, draw = type.draw;
        type.draw = function () {
            const begin = performance.now();
            draw.call(this);
            took.push(performance.now() - begin);
        };
    }""")
    box = page.locator("canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 300, box["y"] + 200)
    page.mouse.down()
    for step in range(40):
        page.mouse.move(box["x"] + 300 + 3 * step, box["y"] + 200 + step)
    page.mouse.up()
    took = page.evaluate("took")
    return {"load": loaded, "frames": len(took), "frame": statistics.median(took)}


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
