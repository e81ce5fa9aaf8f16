"""Serve the built book to this machine."""

import functools
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from .terminal import say

PORT = 8000


def serve(site: Path) -> None:
    """Serve the built pages to this machine until Ctrl-C."""
    with server(site) as pages:
        say(f"The book: http://127.0.0.1:{pages.server_port}  (Ctrl-C ends it)")
        try:
            pages.serve_forever()
        except KeyboardInterrupt:
            say()


def server(site: Path, port: int = PORT) -> ThreadingHTTPServer:
    """Open a server of one folder on a port, or on a free one if that port is in use."""
    pages = functools.partial(_Pages, directory=str(site))
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), pages)
    except OSError:
        return ThreadingHTTPServer(("127.0.0.1", 0), pages)


class _Pages(SimpleHTTPRequestHandler):
    # Windows may have registered another type for these, which browsers refuse.
    extensions_map = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

    def version_string(self) -> str:
        """Name no version in the answers' headers."""
        return "mi book"

    def list_directory(self, path: object) -> None:
        """Show no list of files where a folder has no page of its own."""
        del path
        self.send_error(HTTPStatus.NOT_FOUND, "There is no such page")

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing for each request."""
