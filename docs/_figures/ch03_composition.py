"""Draw composition scores of layer 0 with layer 1, above the random baseline."""

import torch
from matplotlib.figure import Figure

from docs._figures.lib.plotting import heatmap, publish
from solutions.ch02_transformer import load_pretrained
from solutions.ch03_circuits.composition import all_composition_scores, random_composition_scores
from toy_models import folder
from toy_models.attn_2l.train import head_scores, loss_without

SEEDS, KINDS = (0, 1, 2), {"q": "queries", "k": "keys", "v": "values"}


def main() -> None:
    """Measure three models' weights, and random weights of the same sizes."""
    facts = {seed: measure(seed) for seed in SEEDS}
    d_model, d_head = 64, 16
    null = random_composition_scores(d_model, d_head, 400, torch.Generator().manual_seed(0))
    low, high = (null.quantile(q).item() - d_model**-0.5 for q in (0.025, 0.975))
    shown = facts[0]
    rows = [f"0.{h}  ({score:.2f})" for h, score in enumerate(shown["previous"])]
    gap = torch.full((len(rows), 1), torch.nan)
    q, k, v = (torch.tensor(shown[kind]) for kind in KINDS)
    later = [f"1.{h}" for h in range(q.shape[1])]
    columns = [*later, "", *later, "", *later]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        table = torch.cat([q, gap, k, gap, v], dim=1).numpy()
        label = "score above the baseline"
        heatmap(axes, table, rows=rows, columns=columns, label=label, diverging=True)
        for place, name in enumerate(KINDS.values()):
            middle = place * (len(later) + 1) + (len(later) - 1) / 2
            axes.text(middle, -0.68, f"through {name}", ha="center")
        axes.set(xlabel="later head", ylabel="earlier head (previous-token score)")

    best = [facts[seed]["best"] for seed in SEEDS]
    publish(
        "ch03_composition",
        draw,
        alt="Three tables of earlier by later heads. Only through keys are scores above the random "
        "baseline, and most for the head that attends to the previous token: "
        f"{best[0]['excess']:.2f} with head 1.{best[0]['later']} for seed 0. Random heads are "
        f"between {low:.3f} and {high:.3f}.",
        numbers={
            "models": facts,
            "random_interval": [low, high],
            "random_mean": null.mean().item(),
            "baseline": d_model**-0.5,
        },
        seeds=SEEDS,
        sources=[__file__],
        size=(9.0, 3.0),
    )


def measure(seed: int) -> dict:
    """Compute the excess of each kind, the largest entry, and head scores and losses."""
    model, _ = load_pretrained(folder("attn_2l", seed))
    baseline = model.config.d_model**-0.5
    scores = all_composition_scores(model, earlier=0, later=1)._asdict()
    excess = {kind: (score.detach() - baseline) for kind, score in scores.items()}
    heads = head_scores(model)
    kind = max(excess, key=lambda name: excess[name].max().item())
    earlier, later = divmod(excess[kind].argmax().item(), excess[kind].shape[1])
    best = {"kind": kind, "earlier": earlier, "later": later, "excess": excess[kind].max().item()}
    n_heads = model.config.n_heads
    lost = {
        "loss": loss_without(model, []),
        "loss_without": [loss_without(model, [head]) for head in range(n_heads)],
        "loss_without_layer_0": loss_without(model, list(range(n_heads))),
    }
    return {
        **lost,
        **{name: table.tolist() for name, table in excess.items()},
        "previous": heads.previous[0].tolist(),
        "induction": heads.induction[1].tolist(),
        "best": best,
    }


if __name__ == "__main__":
    main()
