"""Wrong answers to 12.21, and right ones."""

from tests.grading.mistakes import mistakes, right_answers

SCRATCH = mistakes(
    "12.21",
    "relp_by_autograd",
    {},
    unnamed={
        "do not sum to the metric": [
            {'(("hook_pattern", "hook_scale"))': '(("hook_pattern", "hook_nothing"))'},
            {'(("hook_pattern", "hook_scale"))': '(("hook_nothing", "hook_scale"))'},
            {
                "return slope * (linear.detach() * gate + gate.detach() * linear) / 2": (
                    "return slope.detach() * gate * linear"
                )
            },
            {"inner = torch.where(gate == 0, 1e-6, gate).detach()": "inner = gate"},
            {"hooks[name] = half": "pass"},
        ],
        "The metric is not the model's own": [
            {
                "return slope * (linear.detach() * gate + gate.detach() * linear) / 2": (
                    "return slope * (linear.detach() * gate + gate.detach() * linear)"
                )
            },
            {
                '["ln_final.hook_normalized"][:, -1] * direction': (
                    '["ln_final.hook_normalized"][:, 0] * direction'
                )
            },
        ],
        "": {
            "*neurons, embed = torch.autograd.grad(metric.sum(), leaves)": (
                "embed, *neurons = torch.autograd.grad(metric.sum(), leaves)"
            )
        },
    },
)
RIGHT = right_answers(
    "12.21",
    "relp_by_autograd",
    {
        "backward": (
            "import torch.nn.functional as F\n"
            "layers = range(len(model.blocks))\n"
            "kept = {}\n"
            "def freeze(x, point):\n"
            "    return x.detach()\n"
            "def note(x, point):\n"
            "    kept[point.name] = x\n"
            "    return x\n"
            "def rule(layer):\n"
            "    def hook(x, point):\n"
            '        g = kept[f"blocks.{layer}.mlp.hook_pre"]\n'
            '        u = kept[f"blocks.{layer}.mlp.hook_pre_linear"]\n'
            "        s = torch.sigmoid(g).detach()\n"
            "        return 0.5 * s * u.detach() * g + 0.5 * s * g.detach() * u\n"
            "    return hook\n"
            'hooks = {"ln_final.hook_scale": freeze}\n'
            "for layer in layers:\n"
            '    at = f"blocks.{layer}."\n'
            '    for name in ("ln1.hook_scale", "ln2.hook_scale", "attn.hook_pattern"):\n'
            "        hooks[at + name] = freeze\n"
            '    hooks[at + "mlp.hook_pre"] = hooks[at + "mlp.hook_pre_linear"] = note\n'
            '    hooks[at + "mlp.hook_post"] = rule(layer)\n'
            'posts = [f"blocks.{layer}.mlp.hook_post" for layer in layers]\n'
            'wanted = [*posts, "hook_embed", "ln_final.hook_normalized"]\n'
            "with model.hooks(hooks), torch.enable_grad():\n"
            "    _, cache = model.run_with_cache(tokens, names=wanted, gradients=True)\n"
            '    score = (cache["ln_final.hook_normalized"][:, -1] * direction).sum(-1)\n'
            "    score.sum().backward()\n"
            "grads = [cache[name].grad for name in wanted[:-1]]\n"
            "return Attributions(score.detach(), grads[:-1], grads[-1])"
        )
    },
)
