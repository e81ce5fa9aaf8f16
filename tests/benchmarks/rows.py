"""What is measured: each function here is one row of the table, or a few that belong together.

A row names its two computations and their shapes, so that its ratio can be read alone.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from solutions.ch01_superposition import ReluOutputToy, ToyConfig, sparse_features
from solutions.ch01_superposition.train import train_step
from solutions.ch02_transformer import HookedTransformer, TransformerConfig, load_pretrained
from solutions.ch02_transformer.pretrained.model_folders import cache_folder
from solutions.ch02_transformer.sample import generate

from .measure import Comparison, compare, memory
from .plain import Floor, Plain

INSTANCES = 20
SMALL = TransformerConfig(
    n_layers=12, d_model=768, n_heads=12, d_head=64, d_mlp=3072, d_vocab=50257, n_ctx=1024
)


@dataclass(frozen=True)
class Bench:
    """The shapes, the device and how often each pair is run."""

    config: TransformerConfig = SMALL
    """Sizes of the model, GPT-2 small's unless a test wants less."""
    batch: int = 8
    """Sequences."""
    pos: int = 64
    """Tokens of each."""
    prompt: int = 48
    """Tokens before generation starts."""
    n_new: int = 8
    """Tokens that are generated."""
    repeats: int = 9
    """Pairs of runs for each ratio."""
    device: torch.device = torch.device("cpu")
    """Where everything runs."""
    tick: Callable[[], Any] = lambda: None
    """Called after each pair."""

    def model(self) -> HookedTransformer:
        """Our model with random weights."""
        return HookedTransformer(self.config).eval().to(self.device)

    def tokens(self, n_vocab: int | None = None) -> torch.Tensor:
        """Random tokens, the same each time."""
        generator = torch.Generator().manual_seed(0)
        shape = (self.batch, self.pos)
        return torch.randint(n_vocab or self.config.d_vocab, shape, generator=generator).to(
            self.device
        )

    def against(self, new: Callable[[], Any], baseline: Callable[[], Any]) -> Comparison:
        """Both timed in alternation."""
        return compare(new, baseline, self.device, self.repeats, self.tick)

    @property
    def shape(self) -> str:
        """Sizes in words."""
        sizes = self.config
        return f"{sizes.n_layers} layers, d_model {sizes.d_model}, {self.batch} x {self.pos} tokens"


class Row(NamedTuple):
    """One line of the table."""

    what: str
    """What is measured, against what."""
    shape: str
    """Sizes."""
    timing: Comparison | None
    """The ratio; None for a row that is skipped, or whose numbers are in the note."""
    note: str = ""
    """Memory, or why the row is skipped."""


def forward(bench: Bench) -> Iterator[Row]:
    """Our forward against plain torch, and both against the matrix products alone."""
    model, tokens = bench.model(), bench.tokens()
    plain = Plain(model)
    floor = Floor(plain, bench.batch, bench.pos)
    with torch.no_grad():
        yield Row(
            "forward / plain torch",
            bench.shape,
            bench.against(lambda: model(tokens), lambda: plain(tokens)),
        )
        yield Row(
            "forward / matrix products alone",
            bench.shape,
            bench.against(lambda: model(tokens), floor),
        )
        yield Row(
            "plain torch / matrix products alone",
            bench.shape,
            bench.against(lambda: plain(tokens), floor),
        )


def caching(bench: Bench) -> Iterator[Row]:
    """What it costs to keep every activation, in time and in memory; and a few of them."""
    model, tokens = bench.model(), bench.tokens()
    with torch.no_grad():
        _, cache = model.run_with_cache(tokens)
        kept, hidden = memory(cache.values(), model)
        note = (
            f"{len(cache)} tensors keep {kept / 1e6:.1f} MB, {hidden / 1e6:.1f} MB beyond their own"
        )
        del cache
        everything = bench.against(lambda: model.run_with_cache(tokens), lambda: model(tokens))
        yield Row("forward with everything cached / forward", bench.shape, everything, note)
        streams = [name for name in model.hook_points() if name.endswith("hook_resid_post")]
        some = bench.against(
            lambda: model.run_with_cache(tokens, names=streams), lambda: model(tokens)
        )
        yield Row("forward with resid_post cached / forward", bench.shape, some)


def attention(bench: Bench) -> Iterator[Row]:
    """Time attention with an observed pattern against fused attention."""
    model, tokens = bench.model(), bench.tokens()
    listened = model.choose_names(lambda name: name.endswith("hook_pattern"))
    with torch.no_grad():
        for pos in (bench.pos, 4 * bench.pos):
            longer = tokens.repeat(1, pos // bench.pos)[: max(1, bench.batch * bench.pos // pos)]
            timing = bench.against(
                lambda t=longer: explicit(model, listened, t), lambda t=longer: model(t)
            )
            yield Row("explicit attention / fused", f"{len(longer)} x {pos} tokens", timing)


def look(x: torch.Tensor, point: Any) -> None:
    """Observe a tensor and keep nothing."""


def explicit(
    model: HookedTransformer, names: Any, tokens: torch.Tensor, **options: Any
) -> torch.Tensor:
    """Run a forward pass with an observer on every pattern."""
    with model.observing(names, look):
        return model(tokens, **options)


def generation(bench: Bench) -> Iterator[Row]:
    """Text from the KV cache, against a whole forward for every token."""
    model, prompt = bench.model(), bench.tokens()[:, : bench.prompt]

    def naive() -> torch.Tensor:
        tokens = prompt
        for _ in range(bench.n_new):
            with torch.no_grad():
                chosen = model(tokens)[:, -1].argmax(-1, keepdim=True)
            tokens = torch.cat([tokens, chosen], dim=1)
        return tokens

    shape = f"{bench.batch} x ({prompt.shape[1]} + {bench.n_new} new) tokens"
    timing = bench.against(lambda: generate(model, prompt, bench.n_new), naive)
    yield Row("generation from the KV cache / without", shape, timing)


def real_model(bench: Bench) -> Iterator[Row]:
    """The real model: how long it loads, its forward, and caching everything in it."""
    if not (cache_folder() / "smollm2-135m" / "source.json").is_file():
        yield Row("real model", "", None, "skipped: `mi model` fetches it")
        return
    start, cpu = time.perf_counter(), time.process_time()
    model, _ = load_pretrained("smollm2-135m")
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    yield Row(
        "real model, loading", "134.5 M weights", None, f"{wall:.2f} s, {cpu:.2f} s of them CPU"
    )
    model, tokens = model.to(bench.device), bench.tokens(model.config.d_vocab)
    shape = f"30 layers, d_model 576, {bench.batch} x {bench.pos} tokens"
    with torch.no_grad():
        _, cache = model.run_with_cache(tokens)
        kept, hidden = memory(cache.values(), model)
        note = f"{kept / 1e6:.1f} MB, {hidden / 1e6:.1f} MB beyond their own"
        del cache
        timing = bench.against(lambda: model.run_with_cache(tokens), lambda: model(tokens))
    yield Row("real model with everything cached / forward", shape, timing, note)


def toys(bench: Bench) -> Iterator[Row]:
    """One training step of many toy models in one batch, against a loop over them."""
    examples = 128 * bench.batch
    for n_features, d_hidden in ((5, 2), (100, 10)):
        together = toy_step(bench, INSTANCES, n_features, d_hidden)
        alone = [toy_step(bench, 1, n_features, d_hidden) for _ in range(INSTANCES)]
        shape = f"{INSTANCES} instances of {n_features} into {d_hidden}, {examples} examples each"
        timing = bench.against(together, lambda steps=alone: [step() for step in steps])
        yield Row("training step of toy models in one batch / in a loop", shape, timing)


def toy_step(
    bench: Bench, n_inst: int, n_features: int, d_hidden: int
) -> Callable[[], torch.Tensor]:
    """Draws features and trains once, as `train` does at each step."""
    model = ReluOutputToy(ToyConfig(n_inst, n_features, d_hidden)).to(bench.device)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    ones = torch.ones(n_inst, n_features, device=bench.device)
    generator = torch.Generator(bench.device).manual_seed(0)

    def step() -> torch.Tensor:
        x = sparse_features(ones / 20, 128 * bench.batch, generator)
        return train_step(model, x, x, ones, optimizer)

    return step


ROWS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "forward": forward,
    "caching": caching,
    "attention": attention,
    "generation": generation,
    "toys": toys,
    "real": real_model,
}
