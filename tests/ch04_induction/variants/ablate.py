"""Answers to 4.10 and 4.11."""

from tests.grading.variants import Right, Wrong

HOOK = "zero_hook.<locals>.hook"


def hook(name: str, answer: str, says: str) -> Wrong:
    """A mistake in the hook that takes heads out."""
    return Wrong("4.10", name, body={HOOK: answer}, says=says)


def held(name: str, answer: str, says: str) -> Wrong:
    """A mistake in pattern_preserving_ablation."""
    return Wrong("4.11", name, body={"pattern_preserving_ablation": answer}, says=says)


RECORD = "_, cache = model.run_with_cache(tokens, names=names)\n"
FORCE = "hooks |= {n: lambda _, point: cache[point.name] for n in %s}\n"
RUN = "return model.run_with_hooks(tokens, hooks=hooks)"

WRONG = [
    hook("nothing", "z = z.clone()\nz[:, :, list(site.head)] = 0.0", "Nothing is changed"),
    hook("a copy edited", "z[:, :, list(site.head)].zero_()", "Nothing is changed"),
    hook("whole layer", "return torch.zeros_like(z)", "All heads of the layer are gone"),
    hook(
        "the others",
        "z[:, :, [h for h in range(z.shape[2]) if h not in list(site.head)]] = 0.0",
        "The heads that are to go stay",
    ),
    hook(
        "first of them", "z[:, :, list(site.head)[0]] = 0.0", "Only the first of the heads is gone"
    ),
    hook(
        "last of them", "z[:, :, list(site.head)[-1]] = 0.0", "Only the last of the heads is gone"
    ),
    hook(
        "a stretch",
        "z[:, :, list(site.head)[0] : list(site.head)[-1] + 1] = 0.0",
        "All heads from the first to the last",
    ),
    hook("positions", "z[:, list(site.head)] = 0.0", "The numbers pick positions"),
    hook("texts", "z[list(site.head)] = 0.0", "The numbers pick texts"),
    hook("entries", "z[..., list(site.head)] = 0.0", "The numbers pick entries of d_head"),
    hook("last position", "z[:, -1, list(site.head)] = 0.0", "Only the last position is changed"),
    hook(
        "mean",
        "z[:, :, list(site.head)] = z.mean(dim=(0, 1))[list(site.head)]",
        "The mean stands where zero",
    ),
    held("not held", RUN, "The patterns are not held"),
    held(
        "recorded without the heads",
        "with model.hooks(hooks):\n    " + RECORD + FORCE % "names" + RUN,
        "The patterns are not held",
    ),
    held("heads stay", RECORD + "hooks = {}\n" + FORCE % "names" + RUN, "heads are not taken out"),
    held(
        "own layers",
        RECORD
        + "names = [n for n in names if n.replace('pattern', 'z') in hooks]\n"
        + FORCE % "names"
        + RUN,
        "Only the patterns of the heads' own layers",
    ),
    held("first layer", RECORD + FORCE % "names[:1]" + RUN, "The patterns are not held"),
    held("last layer", RECORD + FORCE % "names[-1:]" + RUN, "Only the patterns of the last layer"),
    held(
        "late binding",
        RECORD + "for name in names:\n    hooks[name] = lambda pattern, point: cache[name]\n" + RUN,
        "All layers have the LAST one's patterns",
    ),
    held(
        "the first one's",
        RECORD + "hooks |= {n: lambda _, point: cache[names[0]] for n in names}\n" + RUN,
        "All layers have the FIRST one's patterns",
    ),
    held("the whole model's logits", "return model.run_with_cache(tokens)[0]", "not taken out"),
    held(
        "whole layers",
        RECORD
        + "for n in list(hooks):\n    hooks[n] = lambda z, _: torch.zeros_like(z)\n"
        + FORCE % "names"
        + RUN,
        "All heads of the layers are gone",
    ),
    held(
        "pattern of the heads, and no more",
        "silent = dict(hooks)\nhooks = {}\n"
        "for layer, head in heads:\n"
        "    def hook(pattern, _, head=head):\n"
        "        pattern[:, head] = 0.0\n"
        "    hooks.setdefault(f'blocks.{layer}.attn.hook_pattern', []).append(hook)\n" + RUN,
        "The patterns are not held",
    ),
    held(
        "patterns spread evenly, outputs kept",
        RECORD + "for layer, head in heads:\n"
        "    pattern = cache[f'blocks.{layer}.attn.hook_pattern']\n"
        "    seen = torch.ones_like(pattern[:, head]).tril()\n"
        "    pattern[:, head] = seen / seen.sum(-1, keepdim=True)\n"
        "hooks = {}\n" + FORCE % "names" + RUN,
        "The heads' PATTERNS are ablated",
    ),
    held(
        "in place, on what is cached",
        RECORD
        + FORCE % "names"
        + "for layer, head in heads:\n    cache[f'blocks.{layer}.attn.hook_pattern'].zero_()\n"
        + RUN,
        "All heads of the layers are gone",
    ),
    held(
        "hooks left on",
        RECORD
        + FORCE % "names"
        + "logits = "
        + RUN.removeprefix("return ")
        + "\nfor point in model.find_points(list(hooks)):\n"
        "    point.hooks = [hooks[point.name]]\nreturn logits",
        "Are hooks left on",
    ),
]

RIGHT = [
    Right("4.10", "in place", body={HOOK: "z[:, :, list(site.head)] = 0.0"}),
    Right(
        "4.10",
        "through a mask",
        body={
            HOOK: """
            keep = torch.ones(z.shape[2], dtype=z.dtype)
            keep[list(site.head)] = 0
            return z * keep[:, None]
            """
        },
    ),
    Right(
        "4.11",
        "one closure a layer",
        body={
            "pattern_preserving_ablation": """
            patterns = model.run_with_cache(tokens)[1]

            def hold(pattern):
                return lambda *_: pattern

            with model.hooks({name: hold(patterns[name]) for name in names}):
                with model.hooks(hooks):
                    return model(tokens)
            """
        },
    ),
    Right(
        "4.11",
        "copied into what comes",
        body={
            "pattern_preserving_ablation": """
            _, cache = model.run_with_cache(tokens, names=names)

            def hold(pattern, point):
                pattern.copy_(cache[point.name])

            for name in names:
                hooks[name] = hold
            with model.hooks(hooks):
                return model(tokens)
            """
        },
    ),
    Right(
        "4.11",
        "patterns of nothing",
        body={
            "pattern_preserving_ablation": """
            _, cache = model.run_with_cache(tokens, names=names)
            cache = {name: pattern.clone() for name, pattern in cache.items()}
            for layer, head in heads:
                cache[f"blocks.{layer}.attn.hook_pattern"][:, head] = 0.0
            held = {name: lambda _, point: cache[point.name] for name in names}
            return model.run_with_hooks(tokens, hooks=held)
            """
        },
    ),
]
