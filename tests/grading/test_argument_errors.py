"""Argument errors (given code): a failed call names the argument that does not fit its signature.

The graders load solutions/ in their own way, so the calls run in an interpreter of their own.
"""

import argparse
import json
import math
import re
import subprocess
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from solutions import signatures

pytestmark = pytest.mark.project
SETUP = """
import json, sys, torch
from solutions.ch00_looking.probe import LinearProbe, fit_probe
from solutions.ch00_looking.tensors import per_head, score_of_answer
from solutions.ch02_transformer import HookedTransformer, TransformerConfig
from solutions.ch02_transformer.attention import causal_mask
from solutions.ch02_transformer.sample import SampleConfig, generate, stream_tokens
from solutions.ch03_circuits import ov_circuit
from solutions.ch05_patching.interventions import apply_interventions
from solutions.ch05_patching.rome import ValueSearch
from solutions.ch08_saes.metrics import fraction_unexplained
torch.manual_seed(0)
model = HookedTransformer(TransformerConfig(2, 8, 2, 4, 16, 13, 10))
t = torch.randint(13, (2, 5))
zeros = torch.zeros

def fails(x, point):
    return x @ x

def wrong_inside():
    with apply_interventions(model, []):
        zeros(2) @ zeros(3)

def stack_of(call):
    try:
        call()
    except Exception as error:
        return type(error).__name__ + ": " + str(error)
    return "no error"

print(json.dumps({text: stack_of(eval("lambda: " + text)) for text in json.load(sys.stdin)}))
"""
EXPECTED = {
    "fraction_unexplained(zeros(4, 3), zeros(1, 3))": (
        "fraction_unexplained: expected x_hat of shape [batch, d_in], got [1, 3]; batch is 4"
    ),
    "ValueSearch(steps='1')": "ValueSearch: expected steps as an integer, got '1'",
    "SampleConfig(temperature='1')": "SampleConfig: expected temperature as a number, got '1'",
    "score_of_answer(zeros(3, 4), zeros(3, 1).long())": (
        "score_of_answer: expected answer of shape [batch], got [3, 1]; batch is 3"
    ),
    "score_of_answer(zeros(3, 4), [0, 1, 2])": (
        "expected answer as a tensor of shape [batch], got [0, 1, 2]"
    ),
    "per_head(zeros(3, 4, 5), zeros(2, 4, 6))": (
        "expected W of shape [head, d_model, d_head], got [2, 4, 6]; d_model is 5"
    ),
    "per_head(zeros(3, 4, 5), zeros(2, 5, 6).half())": (
        "expected tensors of one precision, got x of torch.float32, W of torch.float16"
    ),
    "fit_probe(LinearProbe(5), zeros(3, 5), zeros(4).long(), 3, 0.1, 0.1)": (
        "fit_probe: expected labels of shape [batch], got [4]; batch is 3"
    ),
    "model.run_with_cache(t, names=5)": (
        "expected names as a string or a list or a function or None, got 5"
    ),
    "model.run_with_cache(t, positions=[99])": (
        "run_with_cache: expected positions in range, got positions=[99]"
    ),
    "model(t, stop_at_layer='1')": (
        "HookedTransformer: expected stop_at_layer as an integer or None, got '1'"
    ),
    "model.run_blocks(zeros(2, 5, 9))": (
        "expected resid of shape [batch, pos, d_model], got [2, 5, 9]; d_model is 8"
    ),
    "ov_circuit('gpt2', 0)": "ov_circuit: expected model as a HookedTransformer, got 'gpt2'",
    "next(stream_tokens(model, t, 3, config=5))": (
        "stream_tokens: expected config as a SampleConfig, got 5"
    ),
    "generate(model, t)": (
        "generate: expected arguments (model, tokens, n_new, config, mask), got a call with "
        "missing a required argument: 'n_new'"
    ),
    "model.run_with_hooks(t, hooks={'hook_embed': lambda x: x})": (
        "expected a hook of two arguments, hook(tensor, point), at 'hook_embed'"
    ),
}
AS_THEY_ARE = {
    "model.run_with_hooks(t, hooks={'hook_embed': fails})": "RuntimeError: Expected size",
    "wrong_inside()": "RuntimeError: ",
    "ov_circuit(model, 9)": "ValueError: expected a layer in 0..1, got 9",
    "generate(model, t, -1)": "ValueError: expected n_new as a whole number from 0 on, got -1",
    "model.run_with_cache(t, names='hook_embd')": "KeyError: ",
    "model.blocks[0].attn.mask is causal_mask or 1 / 0": "no error",
}


@pytest.fixture(scope="module")
def messages():
    """Runs all calls, and returns the type and the text of each one's error."""
    calls = json.dumps([*EXPECTED, *AS_THEY_ARE])
    run = [sys.executable, "-c", SETUP]
    done = subprocess.run(run, input=calls, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("call", EXPECTED)
def test_a_failed_call_names_the_argument(messages, call):
    assert EXPECTED[call] in messages[call]


@pytest.mark.parametrize("call", AS_THEY_ARE)
def test_errors_raised_on_purpose_or_by_the_caller_stay(messages, call):
    assert messages[call].startswith(AS_THEY_ARE[call])


@pytest.mark.parametrize(
    ("hint", "value", "fits"),
    [
        (tuple[int, ...], [1, 2], True),
        (tuple[int, ...] | int, "12", False),
        (list[int], range(3), True),
        (Path, "a", True),
        (Path, 3, False),
        (Tensor, "a", False),
        (int, torch.tensor(3), True),
        (int, torch.tensor(3.0), False),
        (float, math.nan, True),
        (argparse.Namespace, types.SimpleNamespace(), True),
        (argparse.Namespace, None, False),
        (dict[str, Any], {"a": 1}, True),
        (object, 1, True),
        (Float[Tensor, "a b"], torch.zeros(2, 3).long(), True),
        (Float[Tensor, "a b"], torch.zeros(2), False),
        (Int[Tensor, " a"], torch.zeros(2).byte(), False),
        (Sequence[int], (one for one in (1, 2)), False),
    ],
)
def test_a_call_that_succeeds_is_compared_leniently(hint, value, fits):
    reason = signatures.first_mismatch({"x": value}, {"x": hint}, strict=False)
    assert (reason is None) == fits, reason


@pytest.mark.parametrize(
    ("hint", "value", "words"),
    [
        (int, True, "an integer, got True"),
        (float, 1, None),
        (list[int], [1, "2"], r"x\[1\] as an integer, got '2'"),
        (tuple[int, int], (1, 2, 3), "x of 2 entries, got 3"),
        (dict[str, int], {"a": 0.5}, r"x\['a'\] as an integer, got 0.5"),
        (Float[Tensor, "*lead a b"], torch.zeros(4), r"shape \[\*lead, a, b\], got \[4\]"),
        (Float[Tensor, "*lead a"], torch.zeros(2, 3, 4), None),
        (Float[Tensor, "a 1"], torch.zeros(2, 3), r"\[a, 1\], got \[2, 3\]"),
        (Int[Tensor, " a"], torch.zeros(2), "x of ints, got torch.float32"),
        (Bool[Tensor, " a"] | None, torch.zeros(2), "x of bools, got torch.float32"),
        (Bool[Tensor, " a"] | None, None, None),
    ],
)
def test_mismatch_describes_what_does_not_fit(hint, value, words):
    reason = signatures.first_mismatch({"x": value}, {"x": hint})
    if words is None:
        assert reason is None
    else:
        assert re.search(words, reason), reason
