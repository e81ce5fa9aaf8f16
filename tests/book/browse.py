"""Opens every page of a built book in a real browser and writes down what it saw, as JSON.

`python -m tests.book.browse SITE REPORT [SHOTS]`. A program of its own, because graders run with
sockets blocked: it serves SITE on the loopback address and drives Chromium with playwright.
"""

import functools
import json
import sys
import threading
from collections.abc import Callable
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Request, sync_playwright

CHROMIUM = "/usr/bin/chromium"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WIDTHS = {"desktop": 1264, "phone": 390}
"""A window of 1280 pixels less its scroll bar, and a phone."""

SEARCHES = ("residual stream", "qwertyzxcvb")

# What the page says of itself: run once the formulas are set and the fonts are there.
LOOK = """() => ({
  overflow: document.documentElement.scrollWidth - window.innerWidth,
  without_alt: [...document.images].filter(i => !i.alt.trim()).map(i => i.src),
  broken: [...document.images].filter(i => i.complete && !i.naturalWidth
    && getComputedStyle(i).display !== "none").map(i => i.src),
  formulas: document.querySelectorAll(".arithmatex").length,
  set: document.querySelectorAll(".arithmatex .katex").length,
  cards: document.querySelectorAll("section.exercise").length,
  solutions: document.querySelectorAll("details.solution").length,
  open: document.querySelectorAll("details.solution[open]").length,
  heading: document.querySelector("h1")?.textContent ?? "",
  ...miMeasure(),
})"""

# With every fold open: what ends beyond its card, fold or page, or is clipped; and what scrolls
# sideways inside a box of its own.
MEASURE = """function miMeasure() {
  const cut = [], scrolling = [];
  const words = (e) => e.textContent.trim().slice(0, 50);
  const told = (e, by) => `${e.tagName} ${e.className} +${Math.round(by)}: ${words(e)}`;
  function walk(e, right) {
    const box = e.getBoundingClientRect(), style = getComputedStyle(e);
    if (!box.width || style.display === "none" || style.position === "absolute") return;
    if (box.right > right + 1) cut.push(told(e, box.right - right));
    const hidden = e.scrollWidth - e.clientWidth;
    if (/auto|scroll/.test(style.overflowX)) {
      if (hidden > 1) scrolling.push(told(e, hidden));
      return;
    }
    if (/hidden|clip/.test(style.overflowX) && hidden > 1) cut.push(told(e, hidden));
    if (e.matches("svg, .katex, select")) return;
    const edge = e.matches("section.exercise, details, .admonition, td") ? box.right : right;
    for (const child of e.children) walk(child, edge);
  }
  const closed = [...document.querySelectorAll("article details:not([open])")];
  for (const fold of closed) fold.open = true;
  for (const article of document.querySelectorAll("article")) walk(article, window.innerWidth);
  for (const fold of closed) fold.open = false;
  return { cut, scrolling };
}"""


# A card with a paragraph that sticks out, one that is clipped, and code that scrolls.
BAD_CARD = """<article><section class="exercise" style="width:200px">
<p style="width:300px">out</p><p style="overflow:hidden;white-space:nowrap">{0}</p>
<pre style="overflow:auto">{0}</pre></section></article>""".format("clipped " * 9)


class Quiet(SimpleHTTPRequestHandler):
    """Serves the site without a line for each request."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def lost(request: Request) -> list[str]:
    """Return a request that failed, unless leaving the page ended it."""
    return [] if request.failure == "net::ERR_ABORTED" else [f"failed: {request.url}"]


def visit(page: Page, address: str) -> dict[str, Any]:
    """Load a page once; return what it shows at each width, and what clicks change."""
    errors: list[str] = []
    requests: list[str] = []
    handlers: dict[str, Callable[[Any], None]] = {
        "console": lambda m: errors.append(m.text) if m.type == "error" else None,
        "pageerror": lambda error: errors.append(str(error)),
        "request": lambda request: requests.append(request.url),
        "requestfailed": lambda request: errors.extend(lost(request)),
    }
    for event, handler in handlers.items():
        # playwright types `on` for each event name; in a loop the name is any string.
        page.on(event, handler)  # type: ignore[call-overload]
    page.goto(address, wait_until="load")
    page.add_script_tag(content=MEASURE)
    page.evaluate(
        "Promise.all([document.fonts.ready, ...[...document.images]"
        ".map(i => i.complete || new Promise(done => i.onload = i.onerror = done))])"
    )
    looks = {}
    for look, width in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(150)
        looks[look] = page.evaluate(LOOK)
    page.set_viewport_size({"width": WIDTHS["desktop"], "height": 900})
    clicks = click_through(page)
    for event, handler in handlers.items():
        page.remove_listener(event, handler)
    home = address.split("/", 3)[:3]
    away = [r for r in requests if r.split("/", 3)[:3] != home and not r.startswith("data:")]
    seen = {"errors": errors, "outside": away, "requests": len(requests)}
    return {"clicks": clicks, **{look: {**facts, **seen} for look, facts in looks.items()}}


def click_through(page: Page) -> dict[str, bool]:
    """Open a page's first solution with a click, and switch to the dark page."""
    facts = {}
    solution = page.locator("details.solution").first
    if solution.count():
        facts["hidden_before"] = not solution.locator("pre").first.is_visible()
        solution.locator("summary").click()
        facts["visible_after"] = solution.locator("pre").first.is_visible()
    before = page.evaluate("document.body.dataset.mdColorScheme")
    page.locator("label[for^=__palette]:visible").first.click()
    facts["palette_switches"] = page.evaluate("document.body.dataset.mdColorScheme") != before
    return facts


def shoot(browser: Browser, home: str, pages: list[str], folder: Path) -> None:
    """Save a picture of each page: light, dark, and at phone width."""
    folder.mkdir(parents=True, exist_ok=True)
    for look, width, scheme in (
        ("light", 1280, "light"),
        ("dark", 1280, "dark"),
        ("phone", 390, "light"),
    ):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        for name in pages:
            page.goto(f"{home}/{name}", wait_until="networkidle")
            page.screenshot(path=folder / f"{Path(name).stem}.{look}.png", full_page=True)
        page.close()


def search(page: Page, home: str, words: str) -> int:
    """Type into the book's search and return how many pages it offers."""
    page.goto(f"{home}/index.html", wait_until="networkidle")
    page.locator("label.md-header__button[for=__search]").dispatch_event("click")
    page.locator(".md-search__input").focus()
    page.locator(".md-search__input").press_sequentially(words)
    page.wait_for_function(
        "document.querySelector('.md-search-result__meta').textContent.trim()"
        " && !/Initiali|Type to/.test(document.querySelector("
        "'.md-search-result__meta').textContent)"
    )
    page.wait_for_timeout(500)
    return page.locator("li.md-search-result__item").count()


def browse(site: Path, shots: Path | None) -> dict[str, Any]:
    """Serve the site, open every page at each width, and return the report."""
    handler = functools.partial(Quiet, directory=str(site))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    home = f"http://127.0.0.1:{server.server_port}"
    pages = sorted(p.relative_to(site).as_posix() for p in site.glob("*.html"))
    pages.remove("404.html")
    report: dict[str, Any] = {"pages": {}, "clicks": {}}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": WIDTHS["desktop"], "height": 900})
        for name in pages:
            seen = visit(page, f"{home}/{name}")
            report["clicks"][name] = seen["clicks"]
            report["pages"] |= {f"{name} ({look})": seen[look] for look in WIDTHS}
        page.set_content(BAD_CARD)
        page.add_script_tag(content=MEASURE)
        report["bad card"] = page.evaluate("miMeasure()")
        report["search"] = {words: search(page, home, words) for words in SEARCHES}
        if shots:
            shoot(browser, home, pages, shots)
        browser.close()
    server.shutdown()
    return report


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python -m tests.book.browse SITE REPORT [SHOTS]")
    found = browse(Path(sys.argv[1]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)
    Path(sys.argv[2]).write_text(json.dumps(found, indent=1), encoding="utf-8")
