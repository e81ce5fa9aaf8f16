"""Functions of torch and Python that an answer replaced are restored."""

import os
import subprocess
import sys

import pytest

from chapters.course.files import ROOT

from . import limits

pytestmark = pytest.mark.skipif(os.name == "nt", reason="uses signals")
WRAPPED = "mine = lambda x: x; mine.__wrapped__ = torch.Tensor.sum; torch.Tensor.sum = mine"
REPLACED = {
    "torch.softmax": "torch.softmax = print",
    "torch.Tensor.mean": "torch.Tensor.mean = print",
    "torch.nn.functional.relu": "torch.nn.functional.relu = print",
    "torch.nn.functional.silu": "torch.nn.functional.silu = torch.nn.functional.gelu",
    "torch.Tensor.sum": WRAPPED,
    "builtins.sum": "import builtins; builtins.sum = print",
    "math.exp": "import math; del math.exp",
}


@pytest.mark.parametrize("name", REPLACED)
def test_a_replaced_function_is_restored_and_named(name):
    import torch

    before = limits.functions_now()
    exec(REPLACED[name], {"torch": torch})
    assert limits.restore(before) == [name] and limits.restore(before) == []


FIRST_ADAM = """
import sys, torch
from tests.grading import limits
before = limits.functions_now()
torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])
assert "torch._dynamo" in sys.modules and torch.manual_seed is not dict(before[2][2])["manual_seed"]
assert limits.restore(before) == [], "the compiler's own import was taken for the learner's"
"""


def test_the_compiler_that_adam_imports_is_not_the_learners():
    """Its import wraps torch.manual_seed, and only the first Adam of a process imports it."""
    done = subprocess.run([sys.executable, "-c", FIRST_ADAM], cwd=ROOT, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr.decode()
