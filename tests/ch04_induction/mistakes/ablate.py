"""Mistakes in 4.10 and 4.11, ablations, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

HOOK, HEADS = "zero_at_site", "heads = list(site.head)\n"
ZERO = mistakes(
    "4.10",
    HOOK,
    {
        "Is nothing changed? Edit z in place, or return the new tensor.": [
            HEADS + "z = z.clone()\nz[:, :, heads] = 0.0",
            HEADS + "z[:, :, heads].zero_()",
        ],
        "Are all heads of the layer ablated? Only those of the site are meant.": (
            "return torch.zeros_like(z)"
        ),
        "Are the other heads ablated, and those of the site kept?": (
            "z[:, :, [h for h in range(z.shape[2]) if h not in site.head]] = 0.0"
        ),
        "Is only the first head of the site ablated?": HEADS + "z[:, :, heads[0]] = 0.0",
        "Is only the last head of the site ablated?": HEADS + "z[:, :, heads[-1]] = 0.0",
        "Are all heads from the first to the last ablated?": (
            HEADS + "z[:, :, heads[0] : heads[-1] + 1] = 0.0"
        ),
        "Do the heads index positions? Heads are axis 2 of [batch, pos, head, d_head].": (
            HEADS + "z[:, heads] = 0.0"
        ),
        "Do the heads index texts? Heads are axis 2 of [batch, pos, head, d_head].": (
            HEADS + "z[heads] = 0.0"
        ),
        "Do the heads index entries of d_head? Heads are axis 2.": HEADS + "z[..., heads] = 0.0",
        "Is only the last position ablated? Ablate all positions.": (
            HEADS + "z[:, -1, heads] = 0.0"
        ),
        "Is z set to its mean? Set it to zero.": (
            HEADS + "z[:, :, heads] = z.mean(dim=(0, 1))[heads]"
        ),
    },
)
CACHE = "_, cache = model.run_with_cache(tokens, names=names)\n"
HOLD = "hooks |= {n: lambda _, point: cache[point.name] for n in %s}\n"
RUN = "return model.run_with_hooks(tokens, hooks=hooks)"
HELD = mistakes(
    "4.11",
    "pattern_preserving_ablation",
    {
        "Are patterns those of the ablated model? Hold all at those of the intact model.": [
            RUN,
            CACHE + HOLD % "names[:1]" + RUN,
            "hooks = {}\n"
            "for layer, head in heads:\n"
            "    def hook(pattern, _, head=head):\n"
            "        pattern[:, head] = 0.0\n"
            "    hooks.setdefault(f'blocks.{layer}.attn.hook_pattern', []).append(hook)\n" + RUN,
            "with model.hooks(hooks):\n    " + CACHE + HOLD % "names" + RUN,
        ],
        "Are the heads not ablated?": [
            CACHE + "hooks = {}\n" + HOLD % "names" + RUN,
            "return model.run_with_cache(tokens)[0]",
        ],
        "Are only the patterns of the ablated layers held? Hold all.": (
            CACHE
            + "names = [n for n in names if n.replace('pattern', 'z') in hooks]\n"
            + HOLD % "names"
            + RUN
        ),
        "Is only the pattern of the last layer held? Hold all.": (
            CACHE + HOLD % "names[-1:]" + RUN
        ),
        "Do all layers get the last one's pattern? A lambda in a loop sees the last name.": (
            CACHE
            + "for name in names:\n    hooks[name] = lambda pattern, point: cache[name]\n"
            + RUN
        ),
        "Do all layers get the first one's pattern?": (
            CACHE + "hooks |= {n: lambda _, point: cache[names[0]] for n in names}\n" + RUN
        ),
        "Are all heads of the layers ablated?": [
            CACHE
            + "for n in list(hooks):\n    hooks[n] = lambda z, _: torch.zeros_like(z)\n"
            + HOLD % "names"
            + RUN,
            CACHE
            + HOLD % "names"
            + "for layer, head in heads:\n    cache[f'blocks.{layer}.attn.hook_pattern'].zero_()\n"
            + RUN,
        ],
        "Are the heads' patterns made uniform? Set their z to zero.": (
            CACHE + "for layer, head in heads:\n"
            "    pattern = cache[f'blocks.{layer}.attn.hook_pattern']\n"
            "    visible = torch.ones_like(pattern[:, head]).tril()\n"
            "    pattern[:, head] = visible / visible.sum(-1, keepdim=True)\n"
            "hooks = {}\n" + HOLD % "names" + RUN
        ),
    },
    unnamed={
        "Hooks or observers are left on": (
            CACHE
            + HOLD % "names"
            + RUN.replace("return", "logits =")
            + "\nfor point in model.find_points(list(hooks)):\n"
            "    point.hooks = [hooks[point.name]]\nreturn logits"
        ),
    },
)
RIGHT = [
    *right_answers(
        "4.10",
        HOOK,
        {
            "in place": HEADS + "z[:, :, heads] = 0.0",
            "through a mask": """
            keep = torch.ones(z.shape[2], dtype=z.dtype)
            keep[list(site.head)] = 0
            return z * keep[:, None]
            """,
        },
    ),
    *right_answers(
        "4.11",
        "pattern_preserving_ablation",
        {
            "one closure per layer": """
            patterns = model.run_with_cache(tokens)[1]

            def hold(pattern):
                return lambda *_: pattern

            with model.hooks({name: hold(patterns[name]) for name in names}):
                with model.hooks(hooks):
                    return model(tokens)
            """,
            "copied into the pattern": """
            _, cache = model.run_with_cache(tokens, names=names)

            def hold(pattern, point):
                pattern.copy_(cache[point.name])

            for name in names:
                hooks[name] = hold
            with model.hooks(hooks):
                return model(tokens)
            """,
            "held patterns, zero for the heads": """
            _, cache = model.run_with_cache(tokens, names=names)
            cache = {name: pattern.clone() for name, pattern in cache.items()}
            for layer, head in heads:
                cache[f"blocks.{layer}.attn.hook_pattern"][:, head] = 0.0
            held = {name: lambda _, point: cache[point.name] for name in names}
            return model.run_with_hooks(tokens, hooks=held)
            """,
        },
    ),
]
