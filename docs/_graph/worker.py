"""The process that has the model: it runs declared interventions and returns numbers.

It is a process of its own so that a run that takes too long can be ended. Nothing but JSON is sent
to it, and nothing but numbers and strings comes back.
"""

import asyncio
import json
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import torch

from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch05_patching import Intervention, apply_interventions, cache_sites
from solutions.ch05_patching.intervention_io import parse

N_TOKENS = 5
MOST_INTERVENTIONS = 2000


class Prompts(NamedTuple):
    """What the worker runs; lists and numbers, so that a new process can get them."""

    tokens: list[int]
    """The prompt."""
    contrast: list[int] | None
    """The other prompt, of equal length."""
    answer: int
    """The token whose logit is the metric."""
    against: int | None
    """The token whose logit is subtracted; None for the mean of all logits."""


class Refused(Exception):
    """A request that the worker does not run; its words are for the reader."""


class Late(Exception):
    """A run that took too long, so that its process was ended."""


def check(interventions: list[Intervention], prompts: Prompts) -> None:
    """Accept interventions on activations of this text, with the contrast as the only other run.

    Raises: Refused for anything else.
    """
    if not 1 <= len(interventions) <= MOST_INTERVENTIONS:
        raise Refused(f"expected 1 to {MOST_INTERVENTIONS} interventions, got {len(interventions)}")
    runs = {one.source.run for one in interventions if one.source is not None}
    known = set() if prompts.contrast is None else {"contrast"}
    if runs - known:
        raise Refused(f"expected no run but {sorted(known)}, got {sorted(runs)!r:.80}")


@torch.no_grad()
def answer_request(
    content: bytes, model: HookedTransformer, decode: Callable[[int], str], prompts: Prompts
) -> dict[str, Any]:
    """Run the interventions of a file's content, and compare with the run without them.

    Raises: ValueError or KeyError for interventions that the model does not have.
    """
    interventions = parse(content, "the request")
    check(interventions, prompts)
    tokens, runs = torch.tensor([prompts.tokens]), {}
    if prompts.contrast is not None:
        other = torch.tensor([prompts.contrast])
        runs = {"contrast": cache_sites(model, other, [one.site for one in interventions])}
    before = model(tokens)[0, -1]
    with apply_interventions(model, interventions, runs):
        after = model(tokens)[0, -1]
    before_p, after_p = before.softmax(dim=-1), after.softmax(dim=-1)
    shown = [*before_p.topk(N_TOKENS).indices.tolist(), *after_p.topk(N_TOKENS).indices.tolist()]
    return {
        "before": metric(before, prompts),
        "after": metric(after, prompts),
        "tokens": [
            {"text": decode(i), "before": float(before_p[i]), "after": float(after_p[i])}
            for i in dict.fromkeys([prompts.answer, *shown])
        ],
    }


def metric(logits: torch.Tensor, prompts: Prompts) -> float:
    """Compute the metric of the last position's logits."""
    other = logits.mean() if prompts.against is None else logits[prompts.against]
    return float(logits[prompts.answer] - other)


def work(pipe: Connection, prompts: Prompts) -> None:
    """Load the model, then answer requests until the other end is closed."""
    torch.set_num_threads(1)
    model, tokenizer = load_pretrained("smollm2-135m")
    assert tokenizer is not None
    pipe.send_bytes(b"ready")
    while True:
        try:
            content = pipe.recv_bytes()
        except EOFError:
            return
        try:
            found = answer_request(content, model, lambda i: tokenizer.decode([i]), prompts)
        except (Refused, ValueError, KeyError, IndexError, RuntimeError) as error:
            found = {"error": str(error.args[0] if error.args else error)[:300]}
        pipe.send_bytes(json.dumps(found).encode())


class Worker:
    """One process with the model; a late one is ended and replaced."""

    def __init__(
        self, prompts: Prompts, seconds: float = 20.0, target: Callable[..., None] = work
    ) -> None:
        self.prompts, self.seconds, self.target = prompts, seconds, target
        self.lock = asyncio.Lock()
        self.start()

    def start(self) -> None:
        """Start a process; the first request waits until it has the model."""
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=self.target, args=(theirs, self.prompts), daemon=True)
        self.process.start()
        theirs.close()
        self.ready = False

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.join()
        self.pipe.close()

    async def run(self, content: bytes) -> dict[str, Any]:
        """Send one request and wait for its answer; requests wait for each other.

        Raises: Late when there is none in time.
        """
        async with self.lock:
            return await asyncio.to_thread(self.exchange, content)

    def exchange(self, content: bytes) -> dict[str, Any]:
        """Send a request and receive its answer."""
        end = time.monotonic() + self.seconds
        try:
            if not self.ready:
                self.receive(time.monotonic() + 3 * self.seconds + 30)
                self.ready = True
                end = time.monotonic() + self.seconds
            self.pipe.send_bytes(content)
            return dict(json.loads(self.receive(end)))
        except (EOFError, OSError, Late) as error:
            self.stop()
            self.start()
            raise Late(f"no answer within {self.seconds:.0f} s; the model starts again") from error

    def receive(self, end: float) -> bytes:
        """Receive bytes before a time."""
        if not self.pipe.poll(max(0.0, end - time.monotonic())):
            raise Late
        return self.pipe.recv_bytes()
