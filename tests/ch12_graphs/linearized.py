"""The linearized model by automatic differentiation, for graders: an oracle for carrying back."""

import torch


def half(gate, linear):
    """SwiGLU with the slope held fixed, and one half of the gradient for each factor."""
    slope = gate.sigmoid().detach()
    return slope * (linear.detach() * gate + gate.detach() * linear) / 2


def gradients(model, tokens, row):
    """Gradients of <row, resid_final> with respect to every neuron and the embeddings.

    Patterns, scales of norms and slopes are constants. The models of these tests use silu.
    """
    factors = {}

    def hook(x, point):
        if point.name.endswith(("hook_pattern", "hook_scale")):
            return x.detach()
        if point.name.endswith("hook_post"):
            name = point.name.removesuffix("post")
            gate, linear = factors[name + "pre"], factors.get(name + "pre_linear")
            return gate.sigmoid().detach() * gate if linear is None else half(gate, linear)
        factors[point.name] = x
        return x

    ends = ("hook_pattern", "hook_scale", "hook_pre", "hook_pre_linear", "hook_post")
    points = [name for name in model.hook_points() if name.endswith(ends)]
    posts = [name for name in points if name.endswith("hook_post")]
    last = f"blocks.{len(model.blocks) - 1}.hook_resid_post"
    with model.hooks(dict.fromkeys(points, hook)), torch.enable_grad():
        _, cache = model.run_with_cache(tokens, names=["hook_embed", last, *posts], gradients=True)
        leaves = [cache[name] for name in [*posts, "hook_embed"]]
        *neurons, embed = torch.autograd.grad((cache[last][0] * row).sum(), leaves)
    return torch.stack([one[0] for one in neurons]), embed[0]


def activations(model, tokens):
    """Activations of all neurons, [layer, pos, d_mlp]."""
    names = [f"blocks.{layer}.mlp.hook_post" for layer in range(len(model.blocks))]
    _, cache = model.run_with_cache(tokens, names=names)
    return torch.stack([cache[name][0] for name in names])


def answer_row(model, tokens, answer, wrong):
    """Read the difference of two logits at the last position, before the final norm."""
    resid = model.run_with_cache(tokens, stop_at_layer=len(model.blocks))[0].detach()
    scale = model.run_with_cache(tokens, names="ln_final.hook_scale")[1]["ln_final.hook_scale"]
    resid.requires_grad_()
    centered = resid - resid.mean(dim=-1, keepdim=True) if model.ln_final.centers else resid
    normed = centered / scale * model.ln_final.affine().gain.detach()
    U = model.unembed.W_U.detach()
    logits = normed[0, -1] @ (U[:, answer] - U[:, wrong])
    return torch.autograd.grad(logits, resid)[0][0]
