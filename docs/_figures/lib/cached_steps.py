"""Cache the steps of a long experiment, so that an interrupted one continues where it stopped.

The key of a step hashes its name, its inputs and the code that it runs (docstrings and comments
excluded). A change to any of them runs the step again.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from docs._figures.lib.figure_files import code_hash
from toy_models.cache import cache_folder, write_then_rename


class CachedSteps:
    """The cached steps of one experiment, with a progress bar.

    `given` holds what all steps depend on; `sources` are the files whose code they run.
    """

    def __init__(
        self, experiment: str, total: int, given: Any, sources: Iterable[Path | str]
    ) -> None:
        self.folder = cache_folder() / "runs" / experiment
        self.given = [given, [code_hash(source) for source in sources]]
        self.bar = tqdm(total=total, desc=experiment)

    def __call__(self, name: str, make: Callable[[], Any], given: Any = None) -> Any:
        """Return the result of `make`, from the cache if name, inputs and code are unchanged.

        given: plain values that this step depends on, besides those of the experiment.
        """
        path = self.path(name, given)
        self.bar.set_postfix_str(name)
        if not path.is_file():
            with write_then_rename(path) as temporary:
                torch.save(make(), temporary)
        self.bar.update()
        return torch.load(path, weights_only=True)

    def path(self, name: str, given: Any = None) -> Path:
        """Return the file of a step's result."""
        inputs = json.dumps([name, given, self.given], sort_keys=True, default=str)
        key = hashlib.sha256(inputs.encode()).hexdigest()[:16]
        return self.folder / f"{key}.pt"
