"""Mention IO once more, or S, in a sentence between the clauses: the paper's attack on the task.

`python -m docs._figures.ioi.attack` takes about a minute and writes docs/figures/ch07_attack.json.
A second mention of IO makes it a repeated name too; one more mention of S is the control.
Intervals resample mirror pairs, on the prompts on which no head was chosen.
"""

from typing import Any

import torch
from torch import Tensor

from docs._figures.ioi.circuit_tests import pair_interval
from docs._figures.ioi.experiment import SEEDS, draw_halves
from docs._figures.ioi.style import WEIGHTS
from docs._figures.lib.figure_files import FIGURES, hash_sources, write_metadata
from docs._figures.lib.models import load_with_tokenizer
from solutions.ch05_patching import logit_diff_from_resid
from solutions.ch05_patching.metrics import unpatched
from solutions.ch07_ioi import IOIPrompts

MORE = " had a good day."
PAPER = {"plain": [3.56, 0.7], "io": [1.23, 23.4], "s": [3.64, 0.4]}
"""Wang et al. 2022: mean logit difference, and percent of prompts on which S is preferred."""


def with_mention(tokenizer: Any, prompts: IOIPrompts, repeated: str) -> Tensor:
    """Build the tokens of "Then A and B went to the store. [X had a good day.] B gave a book to".

    repeated: "io" or "s", the name X; "plain" leaves the sentence out.
    """

    def tokens(text: str) -> Tensor:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        return torch.tensor(ids).expand(len(prompts.tokens), -1)

    io, s = prompts.io_token[:, None], prompts.s_token[:, None]
    order = prompts.abba[:, None]
    first, second = torch.where(order, io, s), torch.where(order, s, io)
    opening = [tokens("Then"), first, tokens(" and"), second, tokens(" went to the store.")]
    more = [] if repeated == "plain" else [{"io": io, "s": s}[repeated], tokens(MORE)]
    return torch.cat([*opening, *more, s, tokens(" gave a book to")], dim=1)


def main() -> None:
    """Measure the three kinds of prompts, and write the numbers."""
    sources = hash_sources([__file__])
    model, tokenizer = load_with_tokenizer("smollm2-135m")
    prompts = draw_halves(tokenizer)[1].clean
    metric = logit_diff_from_resid(model, prompts.io_token, prompts.s_token)
    scores = {
        name: unpatched(model, with_mention(tokenizer, prompts, name), metric) for name in PAPER
    }
    numbers = {
        "model": WEIGHTS,
        "pairs": len(prompts.tokens) // 2,
        "paper": PAPER,
        "logit difference": {name: pair_interval(one, prompts) for name, one in scores.items()},
        "change": {
            name: pair_interval(scores[name] - scores["plain"], prompts) for name in ("io", "s")
        },
        "S preferred, percent": {
            name: pair_interval(100 * (one < 0).float(), prompts) for name, one in scores.items()
        },
    }
    alt = "Logit difference after one more mention of IO or of S."
    write_metadata(FIGURES / "ch07_attack.json", alt, sources, numbers, SEEDS)


if __name__ == "__main__":
    main()
