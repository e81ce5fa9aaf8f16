"""From Hugging Face's layout of weights to ours, for the families that store [out, in].

Their linear layers hold the transpose of our W (`x @ W`), with the heads concatenated along the
projected axis. Each function yields our name and our layout of a few tensors.
"""

from collections.abc import Iterator, Mapping

from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from ..config import TransformerConfig
from ..norms import at_least_float32
from .checkpoint_files import Weights

Named = Iterator[tuple[str, Tensor]]
LLAMA_MLP = {"W_gate": "gate_proj", "W_in": "up_proj", "W_out": "down_proj"}
"""Our names of a gated MLP's matrices -> Llama's."""


def split_reader(
    W: Float[Tensor, "out d_model"], d_head: int
) -> Float[Tensor, "head d_model d_head"]:
    """Split the projection to queries, keys or values into heads."""
    return rearrange(W, "(head d_head) d_model -> head d_model d_head", d_head=d_head)


def split_bias(b: Float[Tensor, " out"], d_head: int) -> Float[Tensor, "head d_head"]:
    """Split the bias of queries, keys or values into heads."""
    return rearrange(b, "(head d_head) -> head d_head", d_head=d_head)


def split_writer(
    W: Float[Tensor, "d_model out"], d_head: int
) -> Float[Tensor, "head d_head d_model"]:
    """Split the projection of attention's output into heads."""
    return rearrange(W, "d_model (head d_head) -> head d_head d_model", d_head=d_head)


def attention(
    weights: Weights,
    ours: str,
    theirs: str,
    d_head: int,
    *,
    out: str = "o_proj",
    biased: str = "",
) -> Named:
    """Yield an attention layer whose q_proj, k_proj and v_proj are stored apart.

    out: their name of the output projection. biased: those of Q, K, V and O that have a bias.
    """
    for letter in "QKV":
        name = f"{theirs}.{letter.lower()}_proj"
        yield f"{ours}.W_{letter}", split_reader(weights[f"{name}.weight"], d_head)
        if letter in biased:
            yield f"{ours}.b_{letter}", split_bias(weights[f"{name}.bias"], d_head)
    yield f"{ours}.W_O", split_writer(weights[f"{theirs}.{out}.weight"], d_head)
    if "O" in biased:
        yield f"{ours}.b_O", weights[f"{theirs}.{out}.bias"]


def mlp(weights: Weights, ours: str, theirs: str, names: Mapping[str, str], biased: bool) -> Named:
    """Yield the matrices of an MLP, and their biases. names: W_in and so on -> their names."""
    for our_name, name in names.items():
        yield f"{ours}.{our_name}", weights[f"{theirs}.{name}.weight"].T
        if biased:
            yield f"{ours}.{our_name.replace('W', 'b')}", weights[f"{theirs}.{name}.bias"]


def norm(weights: Weights, ours: str, theirs: str, biased: bool) -> Named:
    """Yield the gain of a norm, and its bias."""
    yield f"{ours}.w", weights[f"{theirs}.weight"]
    if biased:
        yield f"{ours}.b", weights[f"{theirs}.bias"]


def with_output_gain(
    named: Named, part: str, writer: str, gain: Float[Tensor, " d_model"]
) -> Named:
    """Multiply the matrix that writes by the gain of an output norm, and yield its inverse too.

    part: beginning of our names; writer: W_O or W_out. A gain of 0 is replaced by 2^-60: its
    dimension is still needed for the norm's divisor.
    """
    gain = at_least_float32(gain)
    gain = gain.masked_fill(gain == 0, 2.0**-60)
    for name, weight in named:
        yield name, at_least_float32(weight) * gain if name.endswith(writer) else weight
    yield f"{part}ln_post.inverse_gain", 1 / gain


def llama_like(
    weights: Weights, config: TransformerConfig, *, biased: str = "", norm_bias: bool = False
) -> Named:
    """Yield the tensors of a checkpoint with Llama's names.

    biased: which of Q, K, V and O have a bias. norm_bias: whether norms have one (LayerNorm).
    """
    yield "embed.W_E", weights["model.embed_tokens.weight"]
    for layer in range(config.n_layers):
        ours, theirs = f"blocks.{layer}", f"model.layers.{layer}"
        yield from norm(weights, f"{ours}.ln1", f"{theirs}.input_layernorm", norm_bias)
        ln2 = f"{theirs}.post_attention_layernorm"
        yield from norm(weights, f"{ours}.ln2", ln2, norm_bias)
        attn = f"{theirs}.self_attn"
        yield from attention(weights, f"{ours}.attn", attn, config.d_head, biased=biased)
        yield from mlp(weights, f"{ours}.mlp", f"{theirs}.mlp", LLAMA_MLP, False)
    yield from norm(weights, "ln_final", "model.norm", norm_bias)
    if "lm_head.weight" in weights:
        yield "unembed.W_U", weights["lm_head.weight"].T
