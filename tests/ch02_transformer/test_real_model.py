"""The real model in our class: loaded by name, in little memory, it predicts Paris.

That its logits equal the transformers library's on 20 prompts is shown in tests/toy_models.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytestmark = [pytest.mark.project, pytest.mark.weights]
ROOT = Path(__file__).resolve().parents[2]
LOAD = """
import sys
from importlib import import_module
load_pretrained = import_module(sys.argv[1] + ".ch02_transformer").load_pretrained
model, tokenizer = load_pretrained("smollm2-135m")
status = open("/proc/self/status", encoding="utf-8").read()
print({line.split()[0]: int(line.split()[1]) for line in status.splitlines() if line[:2] == "Vm"})
"""


@pytest.fixture(scope="module")
def real(impl):
    """The model and its tokenizer, found by name in the cache."""
    return impl("ch02_transformer.pretrained").load_pretrained("smollm2-135m")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
def test_loading_takes_less_than_1200_mb(impl):
    package = impl("ch02_transformer").__name__.split(".")[0]
    command = [sys.executable, "-c", LOAD, package]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    kilobytes = ast.literal_eval(done.stdout)
    for name in ("VmRSS:", "VmHWM:"):
        megabytes = kilobytes[name] * 1024 / 1e6
        assert megabytes < 1200, f"expected less than 1200 MB, got {name} {megabytes:.0f}"


def test_the_model_is_complete_and_in_eval_mode(real):
    model, tokenizer = real
    assert not model.training
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert {weight.device.type for weight in model.parameters()} == {"cpu"}
    used = sum(w.numel() for name, w in model.named_parameters() if ".b_" not in name)
    assert used == 134_515_008, f"expected 134515008 weights, got {used}"
    assert len(model.embed.W_E) == tokenizer.get_vocab_size()


def test_the_capital_of_france_is_paris_with_a_hook_or_without(real):
    model, tokenizer = real
    tokens = torch.tensor([tokenizer.encode("The capital of France is").ids])
    with torch.no_grad():
        fused = model(tokens)
        explicit, cache = model.run_with_cache(tokens, names="blocks.29.attn.hook_pattern")
    assert tokenizer.decode([int(fused[0, -1].argmax())]) == " Paris"
    assert (fused - explicit).abs().max() < 1e-4
    assert torch.allclose(cache["blocks.29.attn.hook_pattern"].sum(-1), torch.ones(1, 9, 5))


def test_cached_generation_equals_a_whole_forward(real, sample):
    model, tokenizer = real
    tokens = torch.tensor([tokenizer.encode("The days of the week are Monday, Tuesday,").ids])
    actual = sample.generate(model, tokens, n_new=8)
    with torch.no_grad():
        expected = model(actual[:, :-1]).argmax(-1)[0, tokens.shape[1] - 1 :]
    assert actual[0, tokens.shape[1] :].tolist() == expected.tolist()
    assert " Wednesday" in tokenizer.decode(actual[0].tolist())


def test_in_bfloat16_it_still_predicts_paris(loading):
    model, tokenizer = loading.load_pretrained("smollm2-135m", dtype=torch.bfloat16)
    assert {weight.dtype for weight in model.parameters()} == {torch.bfloat16}
    with torch.no_grad():
        logits = model(torch.tensor([tokenizer.encode("The capital of France is").ids]))
    assert tokenizer.decode([int(logits[0, -1].argmax())]) == " Paris"
