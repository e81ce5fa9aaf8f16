"""Serve a graph's page to this machine, and run the interventions that the page declares.

GET / is the page. POST /v1/run takes the content of an interventions file (chapter 5) and returns
the metric and the likely next tokens, before and after. Nothing else is served, no code is
accepted, and no answer depends on an earlier request.

A page of another origin must not reach the model through the reader's browser: the server listens
on the loopback address only, and checks Host (against DNS that is rebound) and Origin.
"""

import base64
import hashlib
import re
import sys
import webbrowser
from typing import Any

from chapters import look
from docs._graph.build import Built
from docs._graph.worker import Late, Prompts, Worker

BODY, HEADERS, WAITING = 256_000, 16_000, 8
"""Most bytes of a body and of all headers, and most requests at once."""
HOST = "127.0.0.1"


def serve(built: Built, port: int, show: bool) -> int:
    """Serve until Ctrl-C; return an exit status."""
    try:
        import uvicorn
    except ImportError:
        print(
            "expected the packages of the extra `serve`, got none; run\n"
            "    pip install -e '.[serve]'",
            file=sys.stderr,
        )
        return 1
    runs = [run.local.tokens.tolist() for run in built.setting.runs]
    contrast = runs[1] if len(runs) == 2 else None
    worker = Worker(Prompts(runs[0], contrast, built.setting.answer, built.setting.against))
    metadata = built.content["metadata"] | {"live": True}
    app = make_app(worker, page(built.content | {"metadata": metadata}), port)
    config = uvicorn.Config(
        app,
        host=HOST,
        port=port,
        log_level="warning",
        server_header=False,
        limit_concurrency=40,
        timeout_keep_alive=5,
        lifespan="off",
    )
    print(f"The graph, live: http://{HOST}:{port}/  (Ctrl-C ends it)")
    if show:
        webbrowser.open(f"http://{HOST}:{port}/")
    try:
        uvicorn.Server(config).run()
    finally:
        worker.stop()
    return 0


def page(content: dict[str, Any]) -> str:
    """Return the page as HTML."""
    return look.PAGE.format(title="Attribution graph", body=look.graph(content))


def policy(html: str) -> str:
    """Allow the page's own scripts by their hashes, requests to this server, and nothing else."""
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'"
        for one in scripts
    ]
    return (
        f"default-src 'none'; script-src {' '.join(hashes)}; style-src 'unsafe-inline'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def refusal(request: Any, port: int) -> tuple[int, str] | None:
    """Return status and words for a request that is not the page's own, or None."""
    hosts = {f"{HOST}:{port}", f"localhost:{port}"}
    size = sum(len(name) + len(value) for name, value in request.headers.raw)
    if size > HEADERS:
        return 431, f"expected headers of at most {HEADERS} bytes, got {size}"
    if request.headers.getlist("host") not in [[host] for host in hosts]:
        return 421, f"expected the host {HOST}:{port}, got another one"
    if request.method != "POST":
        return None
    if request.headers.get("origin") not in {f"http://{host}" for host in hosts}:
        return 403, "expected a request of the served page, got one of another origin"
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        return 415, "expected application/json, got another type"
    return None


def make_app(worker: Worker, html: str, port: int) -> Any:
    """Build the application."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import HTMLResponse, JSONResponse, Response
    from starlette.routing import Route

    headers = {
        "Content-Security-Policy": policy(html),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
    waiting = 0

    def refuse(status: int, words: str) -> Response:
        return JSONResponse({"error": words}, status, headers)

    def forbidden(request: Request) -> Response | None:
        reason = refusal(request, port)
        return None if reason is None else refuse(*reason)

    async def show(request: Request) -> Response:
        return forbidden(request) or HTMLResponse(html, headers=headers)

    async def run(request: Request) -> Response:
        nonlocal waiting
        if refused := forbidden(request):
            return refused
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > BODY:
                return refuse(413, f"expected at most {BODY} bytes, got more")
        if waiting >= WAITING:
            return refuse(503, "expected fewer requests at once, got too many; try again")
        waiting += 1
        try:
            found = await worker.run(body)
        except Late as error:
            return refuse(504, str(error))
        finally:
            waiting -= 1
        return JSONResponse(found, 422 if "error" in found else 200, headers)

    routes = [Route("/", show, methods=["GET"]), Route("/v1/run", run, methods=["POST"])]
    return Starlette(routes=routes)
