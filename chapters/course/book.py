"""`mi book`: the pages built by mkdocs into site/, and served to this machine only."""

import functools
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from .paper import say
from .steps import run_quietly
from .where import ROOT

SITE = ROOT / "site"
PORT = 8000


def book(no_serve: bool = False) -> None:
    """Build the book, then serve it until Ctrl-C."""
    build()
    if not no_serve:
        serve()


def build(site: Path = SITE, strict: bool = False) -> None:
    """Build every page; strictly, a broken link or a warning is an error."""
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(site)]
    quiet = {"PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    run_quietly("every page", command + ["--strict"] * strict, quiet, cwd=ROOT)


def serve(site: Path = SITE) -> None:
    """Serve the built pages on the loopback address until Ctrl-C, and say where."""
    with server(site) as listening:
        say(f"The book: http://127.0.0.1:{listening.server_port}  (Ctrl-C ends it)")
        try:
            listening.serve_forever()
        except KeyboardInterrupt:
            say()


def server(site: Path, port: int = PORT) -> ThreadingHTTPServer:
    """A server of one folder on the usual port, or on a free one where that is taken."""
    pages = functools.partial(_Pages, directory=str(site))
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), pages)
    except OSError:
        return ThreadingHTTPServer(("127.0.0.1", 0), pages)


class _Pages(SimpleHTTPRequestHandler):
    """Serves quietly, and names types itself: Windows may have other ideas of what .js is."""

    extensions_map = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".css": "text/css",
        ".js": "text/javascript",
        ".json": "application/json",
        ".svg": "image/svg+xml",
        ".woff2": "font/woff2",
    }

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing for each request."""
