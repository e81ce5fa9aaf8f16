"""Train into a folder: progress bar, checkpoint, a log of JSON lines, and a picture of the losses.

    FOLDER/checkpoint.safetensors    to resume from
    FOLDER/log.jsonl                 one line per SAE and logged step
    FOLDER/losses.svg                the log as a picture

Starting the same run again continues it; the log then has no line twice.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from tqdm import tqdm

from ..ch02_transformer.write_then_rename import write_then_rename
from .sae import TrainedModule
from .train import PassFunction, SAETrainConfig, Stream, TrainRecord, dense_pass, train_saes

Row = dict[str, Any]
FIELDS = {"step": (int,), "sae": (str,), "reconstruction": (int, float)}
"""What is read from a line of the log -> its types in JSON."""
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")


def train_in_folder(
    saes: Mapping[str, TrainedModule],
    stream: Stream,
    config: SAETrainConfig,
    folder: Path,
    log_every: int = 50,
    training_pass: PassFunction = dense_pass,
) -> list[Row]:
    """Train SAEs in place, keeping everything about the run in a folder; return the log.

    Raises: ValueError as `train_saes` does; OSError when the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log.jsonl"
    records = train_saes(saes, stream, config, folder / "checkpoint.safetensors", training_pass)
    rows: list[Row] | None = None
    with tqdm(total=config.steps, unit="step", disable=None) as bar:
        for record in records:
            if rows is None:  # lines after the checkpoint belong to updates that were lost
                rows = [row for row in read_log(log) if row["step"] < record.step]
                write_log(log, rows)
            bar.update(record.step - bar.n)
            if record.step % log_every == 0 or record.step == config.steps:
                new = rows_of(record)
                rows += new
                with log.open("a", encoding="utf-8") as file:
                    file.writelines(json.dumps(row) + "\n" for row in new)
                bar.set_postfix_str(", ".join(f"{r['sae']} {r['total']:.3g}" for r in new))
    rows = read_log(log) if rows is None else rows
    with write_then_rename(folder / "losses.svg") as temporary:
        temporary.write_text(loss_picture(rows), encoding="utf-8")
    return rows


def rows_of(record: TrainRecord) -> list[Row]:
    """Turn a record into lines of the log."""
    return [
        {
            "step": record.step,
            "sae": name,
            "total": result.loss.total().item(),
            "reconstruction": result.loss.reconstruction.item(),
            "sparsity": result.loss.sparsity.item(),
            "auxiliary": result.loss.auxiliary.item(),
            "l0": result.l0,
            "dead": result.dead,
        }
        for name, result in record.results.items()
    ]


def read_log(path: Path) -> list[Row]:
    """Read a log up to the first line that is not one of ours: a crash cuts off the last one."""
    if not path.exists():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            break
        if type(row) is not dict or not FIELDS.keys() <= row.keys():
            break
        if any(type(row[name]) not in kinds for name, kinds in FIELDS.items()):
            break
        rows.append(row)
    return rows


def write_log(path: Path, rows: Sequence[Row]) -> None:
    """Write a log, whole or not at all."""
    with write_then_rename(path) as temporary:
        temporary.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def loss_picture(rows: Sequence[Row], width: int = 640, height: int = 320) -> str:
    """Draw reconstruction loss against steps as an SVG, one line per SAE, on a log scale."""
    names = list(dict.fromkeys(row["sae"] for row in rows))
    points = [(row["step"], math.log10(max(row["reconstruction"], 1e-12))) for row in rows]
    steps = [step for step, _ in points] or [0]
    logs = [value for _, value in points] or [0.0]
    low, high = math.floor(min(logs)), math.ceil(max(logs) + 1e-9)

    def place(step: float, value: float) -> str:
        across = 60 + (width - 80) * (step - min(steps)) / max(1, max(steps) - min(steps))
        return f"{across:.1f},{20 + (height - 60) * (high - value) / max(1, high - low):.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'font-family="sans-serif" font-size="12"><title>Reconstruction loss</title>'
    ]
    for power in range(low, high + 1):
        y = place(min(steps), power).split(",")[1]
        parts.append(f'<path d="M60,{y}H{width - 20}" stroke="#ccc"/>')
        parts.append(f'<text x="52" y="{y}" text-anchor="end" fill="#666">1e{power}</text>')
    for number, name in enumerate(names):
        colour = COLOURS[number % len(COLOURS)]
        own = [p for p, row in zip(points, rows, strict=True) if row["sae"] == name]
        line = " ".join(place(*point) for point in own)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        label = f'<text x="{width - 24}" y="{32 + 16 * number}" text-anchor="end" fill="{colour}">'
        parts.append(f"{label}{escape(name)}</text>")
    parts.append(f'<text x="60" y="{height - 12}" fill="#666">steps 0 to {max(steps)}</text></svg>')
    return "\n".join(parts) + "\n"
