"""The adapters against the transformers library, on small random models that it saved itself.

That library computes norms, softmax and rotary tables in float32 whatever the model's precision.
Once these casts are lifted, logits agree to 1e-9; as shipped, to 1e-6.
"""

import json

import pytest
import torch

from tests.grading.assertions import normal

pytestmark = [pytest.mark.project, pytest.mark.crosscheck]

LLAMA = {
    "vocab_size": 31,
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
}
LLAMAS = {
    "grouped queries": {},
    "one key head for each query head": {"num_key_value_heads": 6},
    "one key head for all": {"num_key_value_heads": 1},
    "tied": {"tie_word_embeddings": True},
    "wide heads": {"head_dim": 10},
    "narrow heads, tied": {"head_dim": 2, "tie_word_embeddings": True},
    "rotary base of Llama 3": {"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}},
    "rotary base of SmolLM2": {"rope_parameters": {"rope_type": "default", "rope_theta": 1e5}},
    "small rotary base": {"rope_parameters": {"rope_type": "default", "rope_theta": 20.0}},
    "gelu": {"hidden_act": "gelu"},
    "gelu_pytorch_tanh": {"hidden_act": "gelu_pytorch_tanh"},
    "relu": {"hidden_act": "relu"},
    "large eps": {"rms_norm_eps": 0.1},
}
GPT2 = {"vocab_size": 31, "n_embd": 24, "n_layer": 3, "n_head": 4, "n_positions": 64}
GPT2S = {
    "as published": {},
    "untied": {"tie_word_embeddings": False},
    "n_inner": {"n_inner": 40},
    "gelu": {"activation_function": "gelu"},
    "relu": {"activation_function": "relu"},
    "large eps": {"layer_norm_epsilon": 0.1},
}
CASES = [("llama", name) for name in LLAMAS] + [("gpt2", name) for name in GPT2S]


def build(family, name):
    """A model of theirs with every parameter random, norms and biases too, in float64."""
    hf = pytest.importorskip("transformers")
    options = {"attn_implementation": "eager"}
    if family == "llama":
        settings = hf.LlamaConfig(**LLAMA | LLAMAS[name], **options)
        theirs = hf.LlamaForCausalLM(settings)
    else:
        settings = hf.GPT2Config(**GPT2 | GPT2S[name], **options)
        theirs = hf.GPT2LMHeadModel(settings)
    theirs.double().eval()
    with torch.no_grad():
        for number, weight in enumerate(theirs.parameters()):
            weight.copy_(normal(*weight.shape, seed=number) * 0.4)
    return theirs


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}: {case[1]}")
def pair(request, impl, tmp_path_factory):
    """Their model, ours loaded from what theirs saved, and the folder."""
    theirs, folder = build(*request.param), tmp_path_factory.mktemp("saved")
    theirs.save_pretrained(folder)
    load = impl("ch02_transformer.pretrained").load_pretrained
    return theirs, load(folder, dtype=torch.float64)[0], folder


@pytest.fixture
def tokens():
    """Three sequences of 17 tokens."""
    return torch.randint(31, (3, 17), generator=torch.Generator().manual_seed(0))


@pytest.fixture
def lifted(monkeypatch):
    """Lifts what transformers computes in float32 to float64: norms, softmax, rotary tables."""
    llama = pytest.importorskip("transformers.models.llama.modeling_llama")
    softmax = llama.nn.functional.softmax

    def norm(self, x):
        return self.weight * (
            x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)
        )

    def table(self, x, position_ids):
        dim, base = 2 * len(self.inv_freq), self.config.rope_parameters["rope_theta"]
        frequency = 1 / base ** (torch.arange(0, dim, 2).double() / dim)
        angle = position_ids[..., None].double() * frequency
        angle = torch.cat((angle, angle), dim=-1)
        return angle.cos().to(x.dtype), angle.sin().to(x.dtype)

    def wide(x, dim, dtype=None):
        del dtype
        return softmax(x, dim=dim)

    monkeypatch.setattr(llama.LlamaRMSNorm, "forward", norm)
    monkeypatch.setattr(llama.LlamaRotaryEmbedding, "forward", table)
    monkeypatch.setattr(llama.nn.functional, "softmax", wide)


def gap(ours, theirs):
    """The largest difference, relative to the largest logit."""
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


@torch.no_grad()
def test_float64_logits_agree_to_1e9_once_the_casts_are_lifted(pair, lifted, tokens):
    theirs, ours, _ = pair
    difference = gap(ours(tokens), theirs(tokens).logits)
    assert difference < 1e-9, f"expected at most 1e-9, got {difference:.1e}"


@torch.no_grad()
def test_float64_logits_agree_to_1e6_as_shipped(pair, tokens):
    theirs, ours, _ = pair
    difference = gap(ours(tokens), theirs(tokens).logits)
    assert difference < 1e-6, f"expected at most 1e-6, got {difference:.1e}"


@torch.no_grad()
def test_with_observers_the_logits_agree_too(pair, lifted, tokens):
    theirs, ours, _ = pair
    logits, cache = ours.run_with_cache(tokens)
    assert gap(logits, theirs(tokens).logits) < 1e-9
    patterns = theirs(tokens, output_attentions=True).attentions
    for layer, pattern in enumerate(patterns):
        assert gap(cache[f"blocks.{layer}.attn.hook_pattern"], pattern) < 1e-9
    streams = theirs(tokens, output_hidden_states=True).hidden_states
    for layer, stream in enumerate(streams[:-1]):
        assert gap(cache[f"blocks.{layer}.hook_resid_pre"], stream) < 1e-9


def test_every_tensor_is_taken_tied_ones_once(pair, checkpoint_files, loading):
    theirs, ours, folder = pair
    stored = checkpoint_files.Weights(folder)
    adapter = loading.choose_adapter(loading.read_json(folder / "config.json"), folder)
    names = [name for name, _ in adapter.translate(stored, ours.config)]
    assert len(set(names)) == len(names), "expected each of our tensors once"
    assert stored.unused() == [], f"every tensor must be taken; left over: {stored.unused()}"
    count = sum(weight.numel() for weight in theirs.parameters())
    biases = sum(w.numel() for name, w in ours.named_parameters() if ".b_" in name and not w.any())
    assert sum(weight.numel() for weight in ours.parameters()) - biases == count


@pytest.mark.parametrize("case", [("llama", "tied"), ("llama", "wide heads"), ("gpt2", "untied")])
def test_a_checkpoint_saved_in_shards_is_the_same_model(case, loading, tmp_path, tokens):
    theirs = build(*case)
    theirs.save_pretrained(tmp_path / "whole")
    theirs.save_pretrained(tmp_path / "shards", max_shard_size="20KB")
    index = json.loads((tmp_path / "shards/model.safetensors.index.json").read_text("utf-8"))
    assert len(set(index["weight_map"].values())) > 2
    whole, shards = (
        loading.load_pretrained(tmp_path / name, dtype=torch.float64)[0]
        for name in ("whole", "shards")
    )
    assert torch.equal(whole(tokens), shards(tokens))


@pytest.mark.parametrize("kind", ["linear", "dynamic", "yarn"])
def test_scaled_rotary_positions_of_the_library_are_refused(kind, loading, tmp_path):
    hf = pytest.importorskip("transformers")
    rope = {"rope_type": kind, "rope_theta": 1e4, "factor": 4.0}
    theirs = hf.LlamaForCausalLM(hf.LlamaConfig(**LLAMA, rope_parameters=rope))
    theirs.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=f"got rope_type = '{kind}', which is not"):
        loading.load_pretrained(tmp_path)


def test_biases_in_attention_are_refused(loading, tmp_path):
    hf = pytest.importorskip("transformers")
    hf.LlamaForCausalLM(hf.LlamaConfig(**LLAMA, attention_bias=True)).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="expected attention_bias=False .*, got True"):
        loading.load_pretrained(tmp_path)
