"""Graders of pretrained/llama.py: a Llama's tensors under our names, in our axes."""

from typing import Any

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
SIZE, HEADS, KV_HEADS = 6, 4, 2
TOKENS = torch.tensor([[3, 1, 4, 1, 5], [16, 9, 2, 0, 11]])


@pytest.fixture(params=["tied", "untied"])
def checkpoint(request, tmp_path):
    """A folder, its settings and its tensors in float64."""
    settings = SETTINGS | {"tie_word_embeddings": request.param == "tied"}
    tensors = tiny_checkpoints.llama_tensors(settings)
    return tiny_checkpoints.write(tmp_path / request.param, settings, tensors), settings, tensors


def wanted(tensors: dict[str, Tensor]) -> dict[str, tuple[str, str, Tensor]]:
    """Our name -> its axes, the tensor it is made from, and its value, head by head."""
    plain = {"embed.W_E": "embed_tokens", "ln_final.w": "norm"}
    turned = {"unembed.W_U": "lm_head.weight"} if "lm_head.weight" in tensors else {}
    rows, columns = {}, {}
    for layer in range(SETTINGS["num_hidden_layers"]):
        ours, theirs = f"blocks.{layer}", f"layers.{layer}"
        plain[f"{ours}.ln1.w"] = f"{theirs}.input_layernorm"
        plain[f"{ours}.ln2.w"] = f"{theirs}.post_attention_layernorm"
        for letter, heads in (("Q", HEADS), ("K", KV_HEADS), ("V", KV_HEADS)):
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
        parts = [tensors[name][:, head * SIZE : (head + 1) * SIZE].T for head in range(HEADS)]
        found[ours] = "[head, d_head, d_model]", name, torch.stack(parts)
    return found


def mistakes_of(name: str, value: Tensor, raw: Tensor, others: dict[str, Any]) -> dict[str, Tensor]:
    """What the usual mistakes make of one tensor."""
    mistakes = {
        f"That is what belongs in {other}.": tensor
        for other, (_, _, tensor) in others.items()
        if other != name
    }
    if value.ndim == 2:
        mistakes["It is not transposed, or once too often."] = value.T
    if value.ndim < 3:
        return mistakes
    mistakes["Its two axes are not split into heads yet."] = raw
    mistakes["It is not split into heads yet."] = raw.T
    for order in [(0, 2, 1), (1, 0, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)]:
        mistakes[f"The axes stand in another order: {order} of the wanted ones."] = value.permute(
            order
        )
    heads, size, axis = (HEADS if name[-1] in "QO" else KV_HEADS), SIZE, name[-1] == "O"
    wide = raw if not axis else raw.T
    taking_turns = wide.reshape(size, heads, -1).transpose(0, 1)
    mistakes["Heads lie one after the other, (head d_head), not taking turns, (d_head head)."] = (
        taking_turns if axis else taking_turns.mT
    )
    mistakes["Heads are cut along the wrong axis: the projected one is split into heads."] = (
        raw.T.reshape(heads, -1, size) if not axis else raw.reshape(heads, size, -1)
    )
    if not axis:
        words = "It is reshaped as it lies in memory; split its first axis, then exchange axes."
        mistakes[words] = raw.reshape(heads, -1, size)
    if heads == KV_HEADS:
        mistakes["It is split with n_heads; keys and values have n_kv_heads."] = raw.reshape(
            HEADS, -1, raw.shape[1]
        ).mT
    halves = torch.cat([torch.arange(0, size, 2), torch.arange(1, size, 2)])
    for order in (halves, halves.argsort()):
        if not axis:
            words = "d_head was reordered for rotary pairs; both sides pair halves already."
            mistakes[words + " " * len(mistakes)] = value[..., order]
    return mistakes


@exercise("2.23")
def test_every_tensor_gets_our_name_and_axes(llama, checkpoint_files, checkpoint):
    folder, settings, tensors = checkpoint
    got = dict(llama.translate(checkpoint_files.Weights(folder), llama.config(settings)))
    expected = wanted(tensors)
    missing = sorted(expected.keys() - got.keys())
    biases = {name for name in got if name.rpartition(".")[2].startswith("b_")}
    allowed = expected.keys() | biases | {"unembed.W_U"}
    extra = sorted(got.keys() - allowed)
    words = f"These weights of the model are not given: {', '.join(missing)}." if missing else ""
    words += f" These names the model does not know: {', '.join(extra)}." if extra else ""
    assert not words, words.strip()
    for ours, (axes, theirs, value) in expected.items():
        claim = f"{ours} is {theirs}, {axes}."
        assert_close(got[ours], value, claim, mistakes_of(ours, value, tensors[theirs], expected))


@exercise("2.23")
def test_every_tensor_of_the_checkpoint_is_taken(llama, checkpoint_files, checkpoint):
    folder, settings, _ = checkpoint
    weights = checkpoint_files.Weights(folder)
    for _ in llama.translate(weights, llama.config(settings)):
        pass
    left = weights.unused(llama.IGNORED_TENSORS)
    assert not left, f"These tensors of the checkpoint were never taken: {', '.join(left)}."


@exercise("2.23")
@torch.no_grad()
def test_loaded_model_computes_what_a_llama_computes(loading, checkpoint):
    folder, settings, tensors = checkpoint
    model, _ = loading.load_pretrained(folder, dtype=torch.float64)
    expected = torch.stack([llama_reference.logits(tensors, settings, row) for row in TOKENS])
    claim = (
        "Our model, filled by translate, gives the logits of a Llama worked out from the papers."
    )
    assert_close(model(TOKENS), expected, claim)


# One text for both questions, so that the model runs once.
TEXT = (
    "The capital of France is Paris. The river was high after the rain, and the children were not "
    "allowed to go near it. They stayed at home and played cards with their grandmother."
)


@exercise("2.23")
@pytest.mark.weights
@torch.no_grad()
def test_the_real_model_knows_paris_and_reads_english(loading):
    model, tokenizer = loading.load_pretrained("smollm2-135m")
    tokens = torch.tensor(tokenizer.encode(TEXT).ids)
    log_p = model(tokens[None])[0].log_softmax(dim=-1)
    prompt = len(tokenizer.encode("The capital of France is").ids)
    said = tokenizer.decode([log_p[prompt - 1].argmax().item()])
    assert said == " Paris", f"After 'The capital of France is' the model says {said!r}."
    loss = -log_p[:-1].gather(-1, tokens[1:, None]).mean().item()
    assert loss < 4, (
        f"Plain English costs this model less than 4 nats a token, but {loss:.2f} came; guessing "
        f"among {log_p.shape[-1]} tokens costs 10.8."
    )
