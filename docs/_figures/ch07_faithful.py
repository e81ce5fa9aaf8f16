"""Draw the logit difference that is left when only the circuit, or random heads, are kept."""

import matplotlib as mpl
from matplotlib.figure import Figure

from docs._figures.ioi.style import interval_text, load, whisker
from docs._figures.lib.plotting import publish

ROWS = {
    "whole": "full model",
    "circuit": "circuit",
    "explained": "circuit without\nunexplained heads",
    "without name movers, means": "model without\nname movers (means)",
    "without name movers, resampling": "model without name\nmovers (resampling)",
    "nothing": "all heads\nablated",
}


def main() -> None:
    """Draw one row per set of heads that is kept."""
    facts = load()
    for way in ("means", "resampling"):
        facts[f"without name movers, {way}"] = facts["movers"][way]["all"]["left"]
    chance = facts["random circuits"]
    names = [*ROWS.values(), f"{len(chance)} random\ncircuits"]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        colours = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
        for row, key in enumerate(ROWS):
            whisker(axes, row, facts[key], colours[2 if key in ("circuit", "explained") else 0])
            axes.annotate(
                f"{facts[key][1]:.2f}",
                (facts[key][2], row),
                (7, 0),
                textcoords="offset points",
                va="center",
                fontsize=9,
            )
        axes.plot(chance, [len(ROWS)] * len(chance), "o", ms=5, alpha=0.55, color=colours[1])
        axes.axvline(facts["whole"][1], ls=":", lw=1, color=colours[0])
        axes.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5))
        axes.set(xlabel="mean logit difference F", xlim=(min(0, *chance) - 0.3, None))
        axes.margins(x=0.14)
        axes.grid(axis="x", linewidth=0.5, alpha=0.3)

    plain = {label.replace("\n", " "): facts[key] for key, label in ROWS.items()}
    publish(
        "ch07_faithful",
        draw,
        alt="Mean logit difference: "
        + "; ".join(f"{label} {interval_text(values)}" for label, values in plain.items())
        + f"; random circuits of the same size {min(chance):.2f} to {max(chance):.2f}.",
        numbers={
            "prompts": facts["prompts"],
            "n_nodes": facts["n_nodes"],
            **{key: facts[key] for key in (*ROWS, "random circuits")},
            "share": facts["circuit"][1] / facts["whole"][1],
            "share, explained only": facts["explained"][1] / facts["whole"][1],
            "largest share of a random circuit": max(chance) / facts["whole"][1],
        },
        sources=[__file__],
        seeds=range(5),
        size=(5.4, 4.0),
    )


if __name__ == "__main__":
    main()
