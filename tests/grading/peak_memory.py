"""The size of the largest tensor that a computation makes."""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Watch(TorchDispatchMode):
    """Record the number of elements of the largest tensor that is made inside."""

    def __init__(self) -> None:
        super().__init__()
        self.largest = 0


def note(watch: Watch, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """Run one operation. An expanded view takes no memory and does not count."""
    del types
    out = func(*args, **(kwargs or {}))
    for x in tree_leaves(out):
        if isinstance(x, Tensor):
            held = x.untyped_storage().nbytes() // x.element_size()
            watch.largest = max(watch.largest, min(x.numel(), held))
    return out


# Set after the class is made: a method in its body would be wrapped, so that the first call imports
# torch's whole compiler, which takes seconds.
Watch.__torch_dispatch__ = note


def largest_made(function: Callable[[], Any]) -> int:
    """Count the elements of the largest tensor that a function makes."""
    with Watch() as watch:
        function()
    return watch.largest
