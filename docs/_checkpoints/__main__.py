"""Write the table of docs/checkpoints.md from checkpoints.toml: `python -m docs._checkpoints`."""

import tomllib
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
DATA, PAGE = HERE / "checkpoints.toml", HERE.parent / "checkpoints.md"
BEGIN, END = "<!-- table: python -m docs._checkpoints -->", "<!-- end of the table -->"
VERIFIED = {
    "run": "run",
    "config": "config read",
    "sizes": "sizes only",
}
"""How an entry was verified -> the word in the table."""


class Checkpoint(NamedTuple):
    """One named checkpoint."""

    name: str
    """Its name on the Hugging Face hub."""
    adapter: str
    """The adapter that reads it."""
    verified: str
    """A key of VERIFIED."""
    millions: float
    """Parameters as published, in millions."""
    settings: dict[str, Any]
    """Settings of its config.json."""
    shape: tuple[int, int]
    """Blocks and width of the residual stream."""


def read() -> list[Checkpoint]:
    """Read checkpoints.toml."""
    found = []
    for family in tomllib.loads(DATA.read_text("utf-8"))["family"]:
        shared = {"architectures": [family["architecture"]], "model_type": family["model_type"]}
        for name, row in family["checkpoints"].items():
            sizes = dict(zip(family["sizes"], row["sizes"], strict=True))
            settings = shared | family["settings"] | sizes | row.get("settings", {})
            shape = (row["sizes"][0], row["sizes"][1])
            verified, millions = row["verified"], row["millions"]
            found.append(Checkpoint(name, family["adapter"], verified, millions, settings, shape))
    return found


def table(checkpoints: list[Checkpoint]) -> str:
    """Write the rows of the table, in the order of the file."""
    lines = [
        "| checkpoint | adapter | parameters | blocks × width | verified |",
        "|---|---|---|---|---|",
    ]
    for one in checkpoints:
        size = f"{one.millions:.0f} M" if one.millions < 1000 else f"{one.millions / 1000:.1f} B"
        blocks, width = one.shape
        lines.append(
            f"| `{one.name}` | `{one.adapter}` | {size} | {blocks} × {width:,} | "
            f"{VERIFIED[one.verified]} |"
        )
    return "\n".join(lines)


def page(text: str, checkpoints: list[Checkpoint]) -> str:
    """Replace the table in the text of the page."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{table(checkpoints)}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8"), read()), encoding="utf-8", newline="\n")
