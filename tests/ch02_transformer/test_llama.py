"""Graders of pretrained/llama.py: a Llama's tensors under our names, in our axes."""

import pytest
import torch
from torch import Tensor

from tests.grading import exercise
from tests.grading.assertions import assert_close

from . import llama_reference, tiny_checkpoints

SETTINGS = tiny_checkpoints.LLAMA | {
    "vocab_size": 17,
    "hidden_size": 10,
    "intermediate_size": 14,
    "num_hidden_layers": 3,
    "max_position_embeddings": 11,
}
SIZE = 6
TOKENS = torch.tensor([[3, 1, 4, 1, 5], [16, 9, 2, 0, 11]])


@pytest.fixture(params=["tied", "untied", "one head"])
def checkpoint(request, tmp_path):
    """A folder, its settings and its tensors in float64."""
    settings = SETTINGS | {"tie_word_embeddings": request.param == "tied"}
    if request.param == "one head":
        settings |= {"num_attention_heads": 1, "num_key_value_heads": 1}
    tensors = tiny_checkpoints.llama_tensors(settings)
    return tiny_checkpoints.write(tmp_path / request.param, settings, tensors), settings, tensors


def wanted(settings: dict, tensors: dict[str, Tensor]) -> dict[str, tuple[str, str, Tensor]]:
    """Our name -> its axes, the tensor it is made from, and its value, head by head."""
    plain = {"embed.W_E": "embed_tokens", "ln_final.w": "norm"}
    turned = {"unembed.W_U": "lm_head.weight"} if "lm_head.weight" in tensors else {}
    rows, columns = {}, {}
    n_heads, n_kv_heads = settings["num_attention_heads"], settings["num_key_value_heads"]
    for layer in range(settings["num_hidden_layers"]):
        ours, theirs = f"blocks.{layer}", f"layers.{layer}"
        plain[f"{ours}.ln1.w"] = f"{theirs}.input_layernorm"
        plain[f"{ours}.ln2.w"] = f"{theirs}.post_attention_layernorm"
        for letter, heads in (("Q", n_heads), ("K", n_kv_heads), ("V", n_kv_heads)):
            name = f"model.{theirs}.self_attn.{letter.lower()}_proj.weight"
            rows[f"{ours}.attn.W_{letter}"] = name, heads
        columns[f"{ours}.attn.W_O"] = f"model.{theirs}.self_attn.o_proj.weight"
        for letter, name in (("gate", "gate"), ("in", "up"), ("out", "down")):
            turned[f"{ours}.mlp.W_{letter}"] = f"model.{theirs}.mlp.{name}_proj.weight"
    found = {}
    for ours, theirs in plain.items():
        name = f"model.{theirs}.weight"
        found[ours] = "as it is", name, tensors[name]
    for ours, name in turned.items():
        found[ours] = "transposed, since ours reads as x @ W", name, tensors[name].T
    for ours, (name, heads) in rows.items():
        parts = [tensors[name][head * SIZE : (head + 1) * SIZE].T for head in range(heads)]
        found[ours] = "[head, d_model, d_head]", name, torch.stack(parts)
    for ours, name in columns.items():
        parts = [tensors[name][:, head * SIZE : (head + 1) * SIZE].T for head in range(n_heads)]
        found[ours] = "[head, d_head, d_model]", name, torch.stack(parts)
    return found


@exercise("2.23")
def test_every_tensor_has_our_name_and_axes(llama, checkpoint_files, checkpoint, tmp_path):
    _, settings, tensors = checkpoint
    for tensor in tensors.values():
        tensor.view(-1)[1] *= 1e-9
        tensor.view(-1)[2] = 1e6
    folder = tiny_checkpoints.write(tmp_path / "small and large numbers", settings, tensors)
    torch.manual_seed(7)
    state = torch.get_rng_state()
    actual = dict(llama.translate(checkpoint_files.Weights(folder), llama.config(settings)))
    assert torch.equal(torch.get_rng_state(), state), "A translation must not seed or draw."
    assert torch.is_grad_enabled(), "A translation must not switch gradients off."
    asking = [name for name, tensor in actual.items() if tensor.requires_grad]
    assert not asking, f"A checkpoint has no gradients, but {', '.join(asking)} ask for them."
    expected = wanted(settings, tensors)
    missing = sorted(expected.keys() - actual.keys())
    biases = {name for name in actual if name.rpartition(".")[2].startswith("b_")}
    allowed = expected.keys() | biases | {"unembed.W_U"}
    extra = sorted(actual.keys() - allowed)
    words = f"Missing weights of the model: {', '.join(missing)}." if missing else ""
    words += f" Unknown names: {', '.join(extra)}." if extra else ""
    assert not words, words.strip()
    for ours, (axes, theirs, value) in expected.items():
        claim = f"{ours} is {theirs}, {axes}."
        assert_close(actual[ours], value, claim)


@exercise("2.23")
def test_every_tensor_of_the_checkpoint_is_used(llama, checkpoint_files, checkpoint):
    folder, settings, _ = checkpoint
    weights = checkpoint_files.Weights(folder)
    for _ in llama.translate(weights, llama.config(settings)):
        pass
    left = weights.unused(llama.IGNORED_TENSORS)
    assert not left, f"These tensors of the checkpoint are not used: {', '.join(left)}."


@exercise("2.23")
@torch.no_grad()
def test_loaded_model_computes_what_a_llama_computes(loading, checkpoint):
    folder, settings, tensors = checkpoint
    model, _ = loading.load_pretrained(folder, dtype=torch.float64)
    expected = torch.stack([llama_reference.logits(tensors, settings, row) for row in TOKENS])
    claim = "The loaded model must give the logits of a Llama written from the papers."
    assert_close(model(TOKENS), expected, claim)


# One text for both questions, so that the model runs once.
TEXT = (
    "The capital of France is Paris. The river was high after the rain, and the children were not "
    "allowed to go near it. They stayed at home and played cards with their grandmother."
)


@exercise("2.23")
@pytest.mark.weights
@torch.no_grad()
def test_the_real_model_predicts_paris_and_english(loading):
    model, tokenizer = loading.load_pretrained("smollm2-135m")
    tokens = torch.tensor(tokenizer.encode(TEXT).ids)
    log_p = model(tokens[None])[0].log_softmax(dim=-1)
    prompt = len(tokenizer.encode("The capital of France is").ids)
    actual = tokenizer.decode([log_p[prompt - 1].argmax().item()])
    assert actual == " Paris", f"After 'The capital of France is' the model predicts {actual!r}."
    loss = -log_p[:-1].gather(-1, tokens[1:, None]).mean().item()
    assert loss < 4, (
        f"Expected a loss on plain English below 4 nats per token, got {loss:.2f}; guessing among "
        f"{log_p.shape[-1]} tokens costs 10.8."
    )
