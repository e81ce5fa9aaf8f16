"""Measure the reference model side by side with others, and print ratios.

`python -m tests.benchmarks` takes a few minutes; `--only forward caching` measures less.
"""

import argparse
import json
import platform
import sys
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from .attribution import attribution
from .patching import patching
from .patching_peers import patching_peers
from .peers import peers
from .real_peers import real_peers
from .rows import ROWS, Bench, Row
from .sae_steps import saes
from .scoring import scoring
from .sparse_sae_steps import sparse_saes
from .tracing_peers import tracing_peers

GROUPS = {
    **ROWS,
    "saes": saes,
    "sparse-saes": sparse_saes,
    "scoring": scoring,
    "patching": patching,
    "edges": attribution,
    "peers": peers,
    "patching-peers": patching_peers,
    "real-peers": real_peers,
    "tracing-peers": tracing_peers,
}


def main(arguments: list[str] | None = None, bench: Bench | None = None) -> list[Row]:
    """Measure what was asked for, print the table, and write the JSON file if one was named."""
    options = parse(arguments)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        rows = measure(options, bench or Bench())
    finally:
        torch.set_num_threads(threads)
    show(rows, options.device)
    if options.json:
        options.json.write_text(json.dumps(record(rows, options.device), indent=2) + "\n", "utf-8")
    return rows


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    summary = (__doc__ or "").split("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=summary)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--repeats", type=int, help="pairs of runs for each ratio")
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=list(GROUPS))
    parser.add_argument("--json", type=Path, help="write the results to this file too")
    return parser.parse_args(arguments)


def measure(options: argparse.Namespace, bench: Bench) -> list[Row]:
    """All rows of the chosen groups, with a bar that moves at every pair."""
    rows = []
    with tqdm(unit=" pairs", bar_format="{desc}{n} pairs, {elapsed}") as bar:
        chosen = replace(
            bench,
            device=options.device,
            repeats=options.repeats or bench.repeats,
            tick=bar.update,
        )
        try:
            for name in options.only:
                bar.set_description(name)
                for row in GROUPS[name](chosen):
                    rows.append(row)
                    bar.write(brief(row))
        except KeyboardInterrupt:
            bar.write("interrupted: the table holds what was measured")
    return rows


def brief(row: Row) -> str:
    """A row in a line, printed as soon as it is known."""
    ratio = f"{row.timing.ratio:.3f}, user time {row.timing.user:.3f}" if row.timing else row.note
    return f"{row.what}: {ratio}"


def show(rows: list[Row], device: torch.device) -> None:
    """Print the table."""
    clock = "processor time, one thread" if device.type == "cpu" else "wall time"
    table = Table(title=f"Ratios on {device.type}: {clock}; medians of pairs, quartiles behind")
    for column in ("what", "ratio", "user time", "more pages", "time", "shape and notes"):
        table.add_column(column, overflow="fold")
    for what, shape, timing, note in rows:
        words = "; ".join(part for part in (shape, note) if part)
        if timing is None:
            table.add_row(what, "", "", "", "", words)
            continue
        table.add_row(
            what,
            f"{timing.ratio:.3f} ({timing.low:.2f}-{timing.high:.2f})",
            f"{timing.user:.3f}",
            f"{timing.faults:,}",
            f"{1e3 * timing.seconds:,.0f} / {1e3 * timing.baseline:,.0f} ms",
            words,
        )
    Console(width=None if sys.stdout.isatty() else 140).print(table)


def record(rows: list[Row], device: torch.device) -> dict:
    """The results and what they were measured on."""
    return {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "device": str(device),
        "rows": [{**row._asdict(), "timing": row.timing and row.timing._asdict()} for row in rows],
    }


if __name__ == "__main__":
    main()
