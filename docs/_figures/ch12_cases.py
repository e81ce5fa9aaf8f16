"""Draw the largest neurons of three pairs of prompts: predicted and measured effects."""

import matplotlib as mpl
from matplotlib.figure import Figure

from docs._figures.lib.plotting import publish, show_token
from docs._figures.neuron_graphs.cases import SOURCES, study_all


def main() -> None:
    """Study or load the cases, and draw."""
    found = study_all()
    cases = found["cases"]

    def draw(figure: Figure) -> None:
        colors = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
        for axes, (name, case) in zip(figure.subplots(1, 3), cases.items(), strict=True):
            nodes = case["nodes"]
            rows = range(len(nodes))
            axes.axvline(0, color="0.5", lw=0.6)
            for shift, (what, marker) in enumerate((("predicted", "o"), ("measured", "D"))):
                values = [node[what] for node in nodes]
                axes.plot(values, rows, ls="", marker=marker, ms=5, color=colors[shift], label=what)
            names = [f"{node['neuron']} at{show_token(node['at'])}" for node in nodes]
            axes.set(yticks=rows, yticklabels=names, title=name, xlabel="change (logits)")
            axes.tick_params(axis="y", length=0, labelsize=7.5)
            axes.invert_yaxis()
            axes.grid(axis="x", linewidth=0.5, alpha=0.3)
        marks = figure.axes[0].get_legend_handles_labels()
        figure.legend(*marks, loc="outside upper right", ncols=2, frameon=False, fontsize=8.5)

    said = "; ".join(
        f"{name}: "
        + ", ".join(
            f"{node['neuron']} {node['predicted']:+.1f} and {node['measured']:+.1f}"
            for node in case["nodes"][:3]
        )
        for name, case in cases.items()
    )
    publish(
        "ch12_cases",
        draw,
        alt=f"Predicted and measured effects of the eight largest neurons of three pairs. {said}.",
        numbers=found,
        sources=[__file__, *SOURCES],
        size=(9.0, 3.2),
    )


if __name__ == "__main__":
    main()
