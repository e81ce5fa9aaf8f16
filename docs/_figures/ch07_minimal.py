"""Draw the largest change that each node of the circuit makes, and the set K that shows it."""

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from docs._figures.ioi.style import ROLES, load, members, style_of
from docs._figures.lib.plotting import publish


def main() -> None:
    """Draw one bar per node."""
    facts = load()
    whole = facts["whole"][1]
    kind = {head: name for name, head in members(facts)}
    found = facts["minimality"]
    nodes = [n for _, head in members(facts) for n in found if n.split(" ")[0] == head]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for row, node in enumerate(nodes):
            percent = [100 * one / whole for one in found[node]["change"]]
            colour = style_of(kind[node.split(" ")[0]])[0]
            draw_bar(axes, row, percent, found[node]["removed"], colour)
        axes.set(yticks=range(len(nodes)), ylim=(len(nodes) - 0.4, -0.6))
        axes.set_yticklabels([label(node, kind) for node in nodes])
        for tick, node in zip(axes.get_yticklabels(), nodes, strict=True):
            tick.set_color(style_of(kind[node.split(" ")[0]])[0])
        axes.axvline(1, ls=":", lw=1.2, color=mpl.rcParams["text.color"])
        most = max(100 * of["change"][2] / whole for of in found.values())
        least_low = min(100 * of["change"][0] / whole for of in found.values())
        axes.set(xlabel="change of F, % of F(M)", xlim=(min(0, least_low), 2.6 * most))
        axes.set_title("F changes most when K is", loc="right", fontsize=9)

    least = min(nodes, key=lambda node: found[node]["change"][1])
    publish(
        "ch07_minimal",
        draw,
        alt=alt_text({node: found[node] for node in nodes}, whole),
        numbers={
            "whole": whole,
            "nodes": {node: found[node] for node in nodes},
            "percent": {
                node: [100 * one / whole for one in found[node]["change"]] for node in nodes
            },
            "least": least,
        },
        sources=[__file__],
        seeds=[0],
        size=(5.6, 0.7 + 0.28 * len(nodes)),
    )


def draw_bar(axes: Axes, row: int, percent: list[float], removed: str, colour: str) -> None:
    """Draw a bar with its interval, and the K that shows the change."""
    low, value, high = percent
    axes.barh([row], [value], height=0.66, color=colour)
    axes.plot([low, high], [row, row], color=mpl.rcParams["text.color"], lw=1.1)
    text, at = f"{value:.0f} %   {removed}", (max(value, high), row)
    axes.annotate(text, at, (5, 0), textcoords="offset points", va="center", fontsize=8.5)


def alt_text(found: dict[str, dict], whole: float) -> str:
    """List every bar."""
    bars = (
        f"{node} {100 * of['change'][1] / whole:.0f} ({of['removed']})"
        for node, of in found.items()
    )
    intro = "Change of F without a node, in percent of F(M), and the K that shows it: "
    return intro + "; ".join(bars) + "."


def label(node: str, kind: dict[str, str]) -> str:
    """Name class, head and position of a node."""
    head, role = node.split(" ")
    return f"{kind[head]}  {head} {ROLES[role]}"


if __name__ == "__main__":
    main()
