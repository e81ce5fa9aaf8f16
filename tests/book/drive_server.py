"""Attacks the live server, then uses it in a browser: `python -m tests.book.drive_server`.

A program of its own, because graders run with sockets blocked. The model is a small random one.
"""

import http.client
import json
import socket
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
import uvicorn
from playwright.sync_api import expect, sync_playwright

from docs._graph.serve import make_app, page
from docs._graph.worker import Prompts, Worker, answer_request
from solutions.ch02_transformer import HookedTransformer, TransformerConfig
from tests.book.browse import CHROMIUM, QUIET

PROMPTS = Prompts([1, 2, 3], [1, 4, 3], answer=5, against=6)
SITE = {
    "hook": "mlp.hook_post",
    "layer": 1,
    "head": None,
    "position": 2,
    "neuron": 7,
    "direction": None,
}
ZERO = {"site": SITE, "action": "zero", "value": None, "source": None, "during": "all"}
SWAP = ZERO | {
    "action": "replace",
    "source": {"run": "contrast", "position": None, "average": False},
}


def small_model() -> HookedTransformer:
    """Build a model of two layers with random weights."""
    return HookedTransformer(TransformerConfig(2, 8, 2, 4, 16, 11, 6), seed=0)


def work(pipe: Connection, prompts: Prompts) -> None:
    """Answer as the real worker does, except that one request takes for ever."""
    model = small_model()
    pipe.send_bytes(b"ready")
    while True:
        content = pipe.recv_bytes()
        if b"sleep" in content:
            time.sleep(1000)
        try:
            found = answer_request(content, model, str, prompts)
        except Exception as error:
            found = {"error": str(error)}
        pipe.send_bytes(json.dumps(found).encode())


def interventions(*entries: Any) -> str:
    """Write the content of an interventions file."""
    return json.dumps({"format": "interventions", "version": 1, "interventions": entries})


def graph() -> dict[str, Any]:
    """Make a graph of one neuron and the metric."""
    common = {"ctx_idx": 2, "feature": 0}
    neuron = {"node_id": "1_7_2", "layer": "1", "feature_type": "neuron", "clerp": "1.7", "unit": 7}
    logit = {"node_id": "3_5_2", "layer": "3", "feature_type": "logit", "clerp": 'Output "5"'}
    nodes = [
        common | neuron | {"jsNodeId": "a", "activation": 1.0, "effects": {"off": -0.5, "swap": 0}},
        common | logit | {"jsNodeId": "b", "token_prob": 1.0},
    ]
    about = {"slug": "live", "scan": "toy", "prompt_tokens": ["a", "b", "c"], "prompt": "abc"}
    metadata = about | {"live": True, "contrast": "adc", "metric": "5 minus 6"}
    links = [{"source": "1_7_2", "target": "3_5_2", "weight": 0.5}]
    return {"metadata": metadata, "qParams": {}, "nodes": nodes, "links": links}


def attack(port: int) -> None:
    """Send requests that must be refused, each with its status."""
    own = f"127.0.0.1:{port}"
    good = {"Host": own, "Origin": f"http://{own}", "Content-Type": "application/json"}

    def send(body: str, status: int, words: str = "", method: str = "POST", **changed: Any) -> Any:
        headers = good | {name.replace("_", "-"): value for name, value in changed.items()}
        headers = {name: value for name, value in headers.items() if value is not None}
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        path = "/v1/run" if method == "POST" else "/"
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        found = answer.read().decode()
        assert answer.status == status, (answer.status, found[:300], body[:80], changed)
        assert words in found, (words, found[:300])
        assert "server" not in {name.lower() for name, _ in answer.getheaders()}
        connection.close()
        return found

    html = send("", 200, "mi-viewer", method="GET", Origin=None)
    assert "1.7" in html
    send("", 421, "expected the host", method="GET", Host="evil.example")
    send("", 421, method="GET", Host=f"127.0.0.1.evil.example:{port}")
    send(interventions(ZERO), 403, "another origin", Origin="http://evil.example")
    send(interventions(ZERO), 403, Origin="null")
    send(interventions(ZERO), 403, Origin=None)
    send(interventions(ZERO), 403, Origin=f"https://{own}")
    send(interventions(ZERO), 415, Content_Type="text/plain")
    send(interventions(ZERO), 431, X_Long="x" * 20_000)
    send(" " * 300_000, 413)
    for body, words in (
        ("import os", "the request"),
        ('{"format": "interventions", "version": 1, "interventions": [], "code": "1"}', "fields"),
        (interventions(), "expected 1 to"),
        (interventions(ZERO | {"action": "exec"}), "action"),
        (interventions(ZERO | {"site": SITE | {"layer": 9}}), ""),
        (interventions(ZERO | {"site": SITE | {"neuron": 99}}), ""),
        (interventions(ZERO | {"site": SITE | {"position": 3}}), ""),
        (interventions(ZERO | {"site": SITE | {"hook": "__class__"}}), ""),
        (interventions(SWAP | {"source": SWAP["source"] | {"run": "/etc/passwd"}}), "no run but"),
        (interventions(ZERO).replace('"position": 2', '"position": 2.5'), "position"),
        ("[" * 100_000, "nested"),
    ):
        send(body, 422, words)
    before = json.loads(send(interventions(ZERO), 200))
    send('{"sleep": 1}', 504, "the model starts again")
    assert json.loads(send(interventions(ZERO), 200)) == before, "the new process answers alike"
    compare(before, json.loads(send(interventions(SWAP), 200)))


def compare(zeroed: dict[str, Any], swapped: dict[str, Any]) -> None:
    """Check the numbers against runs of the same model with hooks."""
    model, where = small_model(), "blocks.1.mlp.hook_post"
    tokens, other = (torch.tensor([text]) for text in (PROMPTS.tokens, PROMPTS.contrast or []))
    value = model.run_with_cache(other, names=[where])[1][where][0, 2, 7]
    for found, new in ((zeroed, torch.zeros(())), (swapped, value)):

        def hook(x: torch.Tensor, _: object, new: torch.Tensor = new) -> torch.Tensor:
            x[:, 2, 7] = new
            return x

        with torch.no_grad():
            logits = model(tokens)[0, -1]
            with model.hooks({where: hook}):
                edited = model(tokens)[0, -1]
        expected = [float(one[5] - one[6]) for one in (logits, edited)]
        assert abs(found["before"] - expected[0]) < 1e-5, (found, expected)
        assert abs(found["after"] - expected[1]) < 1e-5, (found, expected)
        assert abs(expected[0] - expected[1]) > 1e-6, "the intervention does nothing"


def use(port: int) -> None:
    """Switch the neuron off in a browser, under the page's own content security policy."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        tab = browser.new_page(viewport={"width": 1100, "height": 900})
        errors: list[str] = []
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        tab.goto(f"http://127.0.0.1:{port}/")
        tab.get_by_role("button", name="1.7 at").click()
        tab.get_by_role("button", name="Switch off").click()
        expect(tab.locator(".results")).to_contain_text("change, measured")
        expect(tab.locator(".results")).to_contain_text("change, predicted by the graph−0.500")
        expect(tab.locator(".status")).to_contain_text("5 minus 6:")
        injected = "document.body.append(Object.assign(document.createElement('script'),"
        tab.evaluate(injected + "{textContent: 'window.attacked = 1'}))")
        assert tab.evaluate("window.attacked === undefined"), "the policy lets a new script run"
        errors = [error for error in errors if "Content Security Policy" not in error]
        assert not [error for error in errors if "favicon" not in error and "404" not in error]
        browser.close()


def main() -> None:
    """Serve, attack, use."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    worker = Worker(PROMPTS, seconds=3.0, target=work)
    config = uvicorn.Config(
        make_app(worker, page(graph()), port),
        host="127.0.0.1",
        port=port,
        log_level="error",
        server_header=False,
        lifespan="off",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        attack(port)
        if Path(CHROMIUM).exists() and "--no-browser" not in sys.argv:
            use(port)
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        worker.stop()


if __name__ == "__main__":
    main()
