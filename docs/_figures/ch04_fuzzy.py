"""Train models on repeats whose tokens may be replaced by partners, and score their heads."""

from typing import Any

import torch
from jaxtyping import Int
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from docs._figures.lib.dot_plot import dot_plot, legend_above
from docs._figures.lib.plotting import publish
from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch02_transformer.train import TrainConfig
from solutions.ch03_circuits.circuits import full_ov
from solutions.ch04_induction import full_ablation, head_scores, token_losses
from solutions.ch04_induction.training import small_model, train_on_texts
from toy_models import folder

SEEDS, STEPS, V, POS, HALF = (0, 1, 2), 1000, 64, 64, 32
KINDS = ("literal", "partners")
Head = tuple[int, int]


def partner(tokens: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
    """Return the partner of each token: 0 and 32, 1 and 33, and so on; only training ties them."""
    return (tokens + V // 2) % V


def mixture(batch: int, generator: torch.Generator) -> Int[Tensor, "batch pos"]:
    """Draw texts to train on: a repeated segment, in half of the texts partly by partners.

    In every second text every second repeat has each token replaced by its partner.
    """
    segments = torch.randint(V, (batch, HALF), generator=generator)
    period = torch.randint(20, HALF + 1, (batch, 1), generator=generator)
    place = torch.randint(HALF, (batch, 1), generator=generator) + torch.arange(POS)
    tokens = segments.gather(1, place % period)
    replaced = (place // period % 2 == 1) & (torch.arange(batch) % 2 == 1)[:, None]
    return torch.where(replaced, partner(tokens), tokens)


def texts(kind: str, n: int, seed: int) -> Int[Tensor, "n pos"]:
    """Draw 32 distinct tokens, no two of them partners, then the same again or their partners."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(n, HALF, generator=generator).argsort(dim=1)
    first = order + V // 2 * torch.randint(2, (n, HALF), generator=generator)
    return torch.cat([first, partner(first) if kind == "partners" else first], dim=1)


def main() -> None:
    """Train three models on the mixture; the null was trained on literal repeats only."""
    mixed = [measure(trained(seed)) for seed in tqdm(SEEDS, desc="fuzzy", unit="model")]
    literal = [measure(load_pretrained(folder("induction_2l", seed))[0]) for seed in SEEDS]
    rows = ["literal text", "text of partners"]

    def best(models: list[dict[str, Any]]) -> list[list[float]]:
        return [[max(model["prefix"][kind]) for model in models] for kind in KINDS]

    def loss(models: list[dict[str, Any]]) -> list[list[float]]:
        return [[model["loss"][kind] for model in models] for kind in KINDS]

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, sharey=True)
        names = {"trained on both": mixed, "trained on literal repeats": literal}
        series = {name: best(models) for name, models in names.items()}
        dot_plot(left, rows, series, label="prefix matching, best head of layer 1")
        legend_above(left)
        series = {name: loss(models) for name, models in names.items()}
        dot_plot(right, rows, series, label="loss in the second half (nats)", reach=(-0.3, 9.5))

    means = {
        name: [sum(row) / len(row) for row in best(models)]
        for name, models in (("both", mixed), ("literal", literal))
    }
    publish(
        "ch04_fuzzy",
        draw,
        alt=f"Best prefix matching of models trained on both kinds: {means['both'][0]:.2f} on "
        f"literal text, {means['both'][1]:.2f} on text of partners; of models trained on literal "
        f"repeats only: {means['literal'][0]:.2f} and {means['literal'][1]:.2f}.",
        numbers={"mixed": mixed, "literal": literal, "steps": STEPS},
        sources=[__file__],
        seeds=SEEDS,
        size=(9.0, 3.0),
    )


def trained(seed: int) -> HookedTransformer:
    """Train a two-layer model of the chapter's sizes on the mixture."""
    config = TrainConfig(
        steps=STEPS,
        batch_size=32,
        window=POS,
        lr=3e-3,
        warmup=100,
        weight_decay=0.01,
        betas=(0.9, 0.98),
        seed=seed,
    )
    model = small_model(2, V, seed)
    for _ in tqdm(train_on_texts(model, mixture, config), total=STEPS, unit="step"):
        pass
    return model.requires_grad_(False)


def measure(model: HookedTransformer) -> dict[str, Any]:
    """Measure the heads of layer 1: attention, copying, and the loss without each."""
    found: dict[str, Any] = {"prefix": {}, "loss": {}, "without": {}}
    for kind in KINDS:
        tokens = texts(kind, 128, 7)
        found["prefix"][kind] = head_scores(model, tokens, HALF).prefix[1].tolist()
        found["loss"][kind] = second_half(model(tokens), tokens)
        heads: list[Head] = [(1, 0), (1, 1)]
        found["without"][kind] = [
            second_half(full_ablation(model, tokens, [head]), tokens) for head in heads
        ]
    raised = full_ov(model, 1).product()
    raised = raised - raised.mean(dim=-1, keepdim=True)
    index = torch.arange(V)
    found["raises_own"] = raised[:, index, index].mean(dim=1).tolist()
    found["raises_partner"] = raised[:, index, partner(index)].mean(dim=1).tolist()
    return found


def second_half(logits: Tensor, tokens: Tensor) -> float:
    """Average the loss of the second half, whose tokens can be predicted from the first half."""
    return token_losses(logits, tokens)[:, HALF:].mean().item()


if __name__ == "__main__":
    main()
