"""Whether a big matrix is built on the way."""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Watch(TorchDispatchMode):
    """Notes how many numbers the largest tensor holds that is made inside."""

    def __init__(self) -> None:
        super().__init__()
        self.largest = 0


def note(watch: Watch, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """Runs one operation; what is only expanded takes no memory and does not count."""
    del types
    out = func(*args, **(kwargs or {}))
    for x in tree_leaves(out):
        if isinstance(x, Tensor):
            held = x.untyped_storage().nbytes() // x.element_size()
            watch.largest = max(watch.largest, min(x.numel(), held))
    return out


# Set after the class is made: what stands in its body is wrapped so that torch's whole compiler is
# imported at the first call, which takes seconds.
Watch.__torch_dispatch__ = note


def largest_made(function: Callable[[], Any]) -> int:
    """Numbers in the largest tensor that a function makes on its way."""
    with Watch() as watch:
        function()
    return watch.largest
