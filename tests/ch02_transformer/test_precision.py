"""Half precision stays close, double precision stays double, and a GPU gives the same.

Each test runs on the CPU, and on a GPU where there is one.
"""

import pytest
import torch
from torch.overrides import TorchFunctionMode

from tests.grading.assertions import normal

pytestmark = pytest.mark.project

HALF = {torch.float16: 4e-3, torch.bfloat16: 3e-2}
"""Largest relative error of the logits: about eight roundings of each type."""


@pytest.fixture(params=["cpu", pytest.param("gpu", marks=pytest.mark.gpu)])
def device(request):
    """The CPU, and then the GPU."""
    if request.param == "cpu":
        return torch.device("cpu")
    return torch.device("cuda" if torch.cuda.is_available() else "mps")


@pytest.fixture(params=["gpt2", "llama"])
def network(request, model, config, native):
    """A small model on the CPU in float32, every parameter random, at sizes that training gives."""
    sizes = config.TransformerConfig(
        n_layers=3, d_model=48, n_heads=6, d_head=10, d_mlp=56, d_vocab=61, n_ctx=64, n_kv_heads=2,
        activation="silu",
    )  # fmt: skip
    made = model.HookedTransformer(sizes, native.PARTS[request.param], seed=None).eval()
    with torch.no_grad():
        for number, (name, weight) in enumerate(made.named_parameters()):
            random = normal(*weight.shape, seed=number)
            fan_in = weight.shape[-2] if weight.ndim > 1 else 1
            weight.copy_(1 + random / 10 if name.endswith(".w") else random / fan_in**0.5)
    return made


def tokens_on(device):
    return torch.randint(61, (3, 40), generator=torch.Generator().manual_seed(0)).to(device)


def run(network, tokens, path):
    """Logits by the fused attention, or with an observer at the pattern."""
    with torch.no_grad():
        if path == "fused":
            return network(tokens)
        logits, cache = network.run_with_cache(tokens, names=lambda name: "hook_pattern" in name)
        rows = torch.stack([pattern.float().sum(-1) for pattern in cache.values()])
        assert (rows - 1).abs().max() < 0.02, f"expected rows that sum to one, got {rows.max():.3f}"
        return logits


def gap(actual, expected):
    """The largest difference, relative to the largest logit."""
    actual, expected = actual.detach().cpu().double(), expected.detach().cpu().double()
    return ((actual - expected).abs().max() / expected.abs().max()).item()


@pytest.mark.parametrize("path", ["fused", "explicit"])
@pytest.mark.parametrize("dtype", HALF)
def test_half_precision_stays_close_to_float32(network, device, dtype, path):
    network.to(device, dtype)
    low = run(network, tokens_on(device), path)
    high = run(network.float(), tokens_on(device), path)  # the same weights, already rounded
    assert low.dtype == dtype
    assert gap(low, high) < HALF[dtype], f"expected at most {HALF[dtype]}, got {gap(low, high):.1e}"


@pytest.mark.parametrize("path", ["fused", "explicit"])
def test_the_device_makes_no_difference(network, device, path):
    expected = run(network, tokens_on("cpu"), path)
    actual = run(network.to(device), tokens_on(device), path)
    assert actual.device.type == device.type
    assert (actual.cpu() - expected).abs().max() < 1e-4, f"got {gap(actual, expected):.1e}"


@pytest.mark.parametrize("dtype", [*HALF, torch.float32])
def test_generation_on_the_device_equals_the_whole_forward(network, sample, device, dtype):
    network.to(device, dtype)
    prompt = tokens_on(device)[:, :9]
    written = sample.generate(network, prompt, n_new=6)
    assert written.device.type == device.type and written.shape == (3, 15)
    logits = run(network, written[:, :-1], "fused")[:, 8:].float()
    chosen = logits.gather(-1, written[:, 9:, None])[..., 0]
    short = (logits.max(-1).values - chosen).max().item()
    allowed = HALF.get(dtype, 1e-4) * logits.abs().max().item()
    assert short <= allowed, f"a token {short:.1e} below the likeliest was written"


@pytest.mark.parametrize("name", ["LayerNorm", "RMSNorm"])
def test_norms_of_large_float16_vectors_do_not_overflow(norms, network, device, name):
    norm = getattr(norms, name)(network.config).to(device, torch.float16)
    x = (normal(2, 5, 48, seed=1) * 2_000).to(device, torch.float16)  # squares reach 4,000,000
    wide = getattr(norms, name)(network.config)(x.cpu().double())
    actual = norm(x)
    assert actual.dtype == torch.float16
    assert gap(actual, wide) < 1e-3, (
        f"expected norms in float32, got a gap of {gap(actual, wide):.1e}"
    )


class Lowered(TorchFunctionMode):
    """Notes every operation that makes floats of less than 64 bits."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for x in out if isinstance(out, tuple) else [out]:
            if torch.is_tensor(x) and x.is_floating_point() and x.dtype != torch.float64:
                self.found.append(f"{func.__name__} -> {x.dtype}")
        return out


@pytest.mark.parametrize("observing", [False, True])
@torch.no_grad()
def test_float64_is_never_lowered(network, observing):
    network.double()
    with Lowered() as lowered:
        logits, cache = network.run_with_cache(tokens_on("cpu"), names=None if observing else [])
    assert {x.dtype for x in (logits, *cache.values())} == {torch.float64}
    assert not lowered.found, f"expected float64 throughout, got {lowered.found[:3]}"


def test_the_watch_for_lowered_floats_sees_a_cast():
    with Lowered() as lowered:
        torch.ones(3, dtype=torch.float64).float().double()
    assert lowered.found == ["float -> torch.float32"]


def test_training_in_bfloat16_gives_finite_gradients(network, train, device):
    network.to(device, torch.bfloat16)
    train.next_token_loss(network(tokens_on(device)), tokens_on(device)).backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None and weight.grad.isfinite().all(), name
