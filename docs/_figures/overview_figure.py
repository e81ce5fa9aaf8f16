"""Draw the overview: the five folders, what depends on what, and the order of the chapters.

`python -m docs._figures.overview_figure` writes docs/figures/overview.svg and its dark variant as
plain SVG text; boxes and text need no plotting library.
"""

from pathlib import Path
from string import Template

from docs._figures.lib.figure_files import FIGURES, ROOT, replace_file, write_metadata

LIGHT = {
    "text": "#1c2530",
    "muted": "#5a6672",
    "border": "#12324a",
    "room": "#f5f6f3",
    "yours": "#fdf3dd",
    "gold": "#b26a00",
    "green": "#00785a",
}
DARK = {
    "text": "#e3e8ec",
    "muted": "#a3b0bb",
    "border": "#8fb4cc",
    "room": "#1b232b",
    "yours": "#332a16",
    "gold": "#f2b134",
    "green": "#4cc3a0",
}

CHAPTERS = (
    "looking superposition transformer circuits induction patching discovery IOI SAEs sparsity "
    "features transcoders graphs auditing scale"
).split()
FINISHED = {int(folder.name[2:4]) for folder in ROOT.glob("solutions/ch[0-9]*/")}

FRAME = Template("""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 590" \
font-family="system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif">
<title>$title</title>
<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" \
orient="auto-start-reverse"><path d="M0 0 10 5 0 10z" fill="$gold"/></marker></defs>
<path d="M20 168 380 24l360 144z" fill="$room" stroke="$border" stroke-width="3" \
stroke-linejoin="round"/>
$rooms
<g stroke="$gold" stroke-width="2.5" fill="none" marker-end="url(#tip)">
<path d="M242 236h45"/><path d="M518 236h-45"/></g>
<g fill="$gold" font-size="13" text-anchor="middle">
<text x="265" y="222">stubs</text><text x="495" y="222">grade</text></g>
<text x="20" y="446" fill="$text" font-size="17" font-weight="600">The chapters, in reading \
order</text>
<text x="740" y="446" fill="$muted" font-size="14" text-anchor="end">filled: finished &#183; \
open: still to come</text>
<path d="M34 484H706" stroke="$muted" stroke-width="2"/>
$stops
</svg>
""")

TITLE = (
    "The five folders. On top docs, the textbook. Below it solutions, the reference library, from "
    "which the stubs in chapters, your workbook, are generated; tests grade the workbook. At the "
    "bottom toy_models, the models under study. Below the folders a line of chapters 0 to 14."
)


def overview(palette: dict[str, str]) -> str:
    """Return the SVG in the colours of `palette`."""
    rooms = [
        _label(380, 96, "docs/", ("the textbook:", "uses every folder below"), palette),
        _room((20, 168, 222, 134), "room", palette),
        _label(131, 212, "solutions/", ("the reference library:", "every function, once"), palette),
        _room((242, 168, 276, 134), "room", palette),
        _room((288, 177, 184, 116), "yours", palette),
        _label(380, 212, "chapters/", ("your workbook:", "here you write"), palette),
        _room((518, 168, 222, 134), "room", palette),
        _label(629, 212, "tests/", ("graders, and the known", "mistakes they name"), palette),
        _room((20, 302, 720, 92), "room", palette),
        _label(
            380,
            338,
            "toy_models/",
            ("the models under study, and the scripts that trained them",),
            palette,
        ),
    ]
    stops = [_stop(number, name, palette) for number, name in enumerate(CHAPTERS)]
    return FRAME.substitute(palette, title=TITLE, rooms="\n".join(rooms), stops="\n".join(stops))


def _room(box: tuple[int, int, int, int], fill: str, palette: dict[str, str]) -> str:
    x, y, width, height = box
    line = palette["gold"] if fill == "yours" else palette["border"]
    corner = 10 if fill == "yours" else 0
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{corner}" '
        f'fill="{palette[fill]}" stroke="{line}" stroke-width="3"/>'
    )


def _label(x: int, y: int, name: str, lines: tuple[str, ...], palette: dict[str, str]) -> str:
    head = (
        f'<text x="{x}" y="{y}" text-anchor="middle" font-size="22" font-weight="600" '
        f'fill="{palette["text"]}">{name}</text>'
    )
    body = [
        f'<text x="{x}" y="{y + 27 + 20 * i}" text-anchor="middle" font-size="16" '
        f'fill="{palette["muted"]}">{line}</text>'
        for i, line in enumerate(lines)
    ]
    return "\n".join([head, *body])


def _stop(number: int, name: str, palette: dict[str, str]) -> str:
    x = 34 + round(number * 672 / 14)
    done = number in FINISHED
    fill = palette["green"] if done else palette["room"]
    words = palette["text"] if done else palette["muted"]
    weight = "600" if done else "400"
    return (
        f'<circle cx="{x}" cy="484" r="14" fill="{fill}" stroke="{palette["green"]}" '
        f'stroke-width="2.5"/>'
        f'<text x="{x}" y="489" text-anchor="middle" font-size="13" font-weight="600" '
        f'fill="{palette["room"] if done else palette["text"]}">{number}</text>'
        f'<text transform="translate({x - 5} 510) rotate(38)" font-size="15" '
        f'font-weight="{weight}" fill="{words}">{name}</text>'
    )


def main() -> list[Path]:
    """Write both variants and their metadata, and return the paths."""
    written = []
    for suffix, palette in (("", LIGHT), (".dark", DARK)):
        path = FIGURES / f"overview{suffix}.svg"
        replace_file(path, overview(palette))
        written.append(path)
    write_metadata(FIGURES / "overview.json", TITLE, [__file__])
    return [*written, FIGURES / "overview.json"]


if __name__ == "__main__":
    for file in main():
        print(file)
