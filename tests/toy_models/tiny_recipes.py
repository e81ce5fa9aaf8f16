"""Toy recipes of a few steps each, for tests that interrupt them.

`python -m tests.toy_models.tiny_recipes NAME FOLDER` trains one with 30 steps and all its seeds. It
prints a line before the recipe begins and one after it, and waits PAUSE before and after a file is
renamed, so that a kill at a random moment often lands there.
"""

import importlib
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from toy_models.__main__ import main
from toy_models.recipes import attention_only, induction, ioi

PAUSE = 0.02
"""Seconds."""


def shrink(
    set_attribute: Callable[[Any, str, Any], None], steps: int, seeds: tuple[int, ...] = (0,)
) -> None:
    """Set few steps, small batches and short texts in the modules of all recipes."""
    set_attribute(induction, "STEPS", {"repeats": steps, "markov": steps})
    for module in (induction, ioi):
        set_attribute(module, "SEEDS", seeds)
    text = attention_only.Recipe.text
    set_attribute(attention_only.Recipe, "text", lambda self, n, seed: text(self, 500, seed))
    for name in ("attn_0l", "attn_2l", "ioi_pointer", "ioi_shortcut"):
        module = importlib.import_module(f"toy_models.{name}.train")
        few = replace(module.RECIPE.training, steps=steps, batch_size=4, eval_every=2)
        set_attribute(module, "RECIPE", replace(module.RECIPE, training=few))
    facts = importlib.import_module("toy_models.facts.train")
    settings = facts.settings
    set_attribute(facts, "settings", lambda seed: replace(settings(seed), steps=steps))
    set_attribute(importlib.import_module("toy_models.shortcut.train"), "report", lambda *_: [])


def rename_slowly() -> None:
    """Make every rename of this process wait before and after it."""
    rename = os.replace

    def slow(source: Any, target: Any) -> None:
        time.sleep(PAUSE)
        rename(source, target)
        time.sleep(PAUSE)

    os.replace = slow


def train(name: str, folder: str) -> int:
    """Train one recipe, and print when it begins and ends."""
    shrink(setattr, steps=30, seeds=(0, 1, 2))
    rename_slowly()
    steps = ["--steps", "30"] if name.startswith("superposition") else []
    print("begins", flush=True)
    code = main(["train", name, "--out", folder, *steps])
    print("ended", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(train(*sys.argv[1:]))
