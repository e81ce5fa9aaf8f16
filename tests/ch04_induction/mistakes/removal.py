"""More mistakes in 4.10, 4.11 and 4.14: what is removed, what is held, and what is compared."""

from tests.grading.mistakes import mistakes

HEADS = "heads = list(site.head)\n"
ZERO = mistakes(
    "4.10",
    "zero_at_site",
    {
        "Is the first position kept? Ablate all positions.": HEADS + "z[:, 1:, heads] = 0.0",
        "Is only the first position ablated? Ablate all positions.": (
            HEADS + "z[:, 0, heads] = 0.0"
        ),
        "Is only the first text ablated? Ablate all texts.": HEADS + "z[0, :, heads] = 0.0",
        "Are the heads one too large? The first is head 0.": (
            "z[:, :, [(head + 1) % z.shape[2] for head in site.head]] = 0.0"
        ),
        "Is z set to one? Set it to zero.": HEADS + "z[:, :, heads] = 1.0",
        "Is z halved? Set it to zero.": HEADS + "z[:, :, heads] /= 2",
        "Is the sign of z flipped? Set it to zero.": HEADS + "z[:, :, heads] *= -1",
        "Is z set to its mean over the other heads? Set it to zero.": (
            HEADS + "z[:, :, heads] = z.mean(dim=2, keepdim=True)"
        ),
        "Is z set to its mean over positions? Set it to zero.": (
            HEADS + "z[:, :, heads] = z.mean(dim=1, keepdim=True)[:, :, heads]"
        ),
        "Is z set to its mean over texts? Set it to zero.": (
            HEADS + "z[:, :, heads] = z.mean(dim=0, keepdim=True)[:, :, heads]"
        ),
        "Is z set to random numbers? Set it to zero.": (
            HEADS + "z[:, :, heads] = torch.randn(z[:, :, heads].shape,"
            " generator=torch.Generator().manual_seed(0)).to(z)"
        ),
        "Does the hook return the ablated heads alone? Return z of all heads.": (
            HEADS + "return torch.zeros_like(z[:, :, heads])"
        ),
        "Is half of each head's d_head set to zero? Ablate all of it.": (
            HEADS + "z[:, :, heads, : z.shape[-1] // 2] = 0.0"
        ),
        "Are the first heads ablated, as many as the site has? It names its heads.": (
            "z[:, :, : len(site.head)] = 0.0"
        ),
        "Are the last heads ablated, as many as the site has? It names its heads.": (
            "z[:, :, -len(site.head) :] = 0.0"
        ),
        "Are the heads before those of the site ablated too?": (
            "z[:, :, : max(site.head) + 1] = 0.0"
        ),
    },
)
CACHE = "_, cache = model.run_with_cache(tokens, names=names)\n"
HOLD = "hooks |= {name: lambda _, point: cache[point.name] for name in names}\n"
RUN = "return model.run_with_hooks(tokens, hooks=hooks)"
HELD = mistakes(
    "4.11",
    "pattern_preserving_ablation",
    {
        "Do all texts get the first one's patterns? Each has its own.": (
            CACHE + HOLD.replace("cache[point.name]", "cache[point.name][:1].expand_as(_)") + RUN
        ),
        "Are the patterns averaged over texts? Each has its own.": (
            CACHE
            + HOLD.replace("cache[point.name]", "cache[point.name].mean(0, True).expand_as(_)")
            + RUN
        ),
        "Are the patterns averaged over heads? Each has its own.": (
            CACHE
            + HOLD.replace("cache[point.name]", "cache[point.name].mean(1, True).expand_as(_)")
            + RUN
        ),
        "Are only the patterns up to the ablated layers held? Hold all.": (
            CACHE + "last = max(layer for layer, _ in heads)\n"
            "names = names[: last + 1]\n" + HOLD + RUN
        ),
        "Is z of all other heads held too? Hold patterns alone.": (
            "zs = [f'blocks.{layer}.attn.hook_z' for layer in range(len(model.blocks))]\n"
            "_, cache = model.run_with_cache(tokens, names=[*names, *zs])\n"
            "def cut(z, point):\n"
            "    z = cache[point.name].clone()\n"
            "    for layer, head in heads:\n"
            "        if point.name == f'blocks.{layer}.attn.hook_z':\n"
            "            z[:, :, head] = 0.0\n"
            "    return z\n" + HOLD + "hooks |= {name: cut for name in zs}\n" + RUN
        ),
        "Are the patterns transposed? They are [batch, head, query, key].": (
            CACHE + HOLD.replace("cache[point.name]", "cache[point.name].mT") + RUN
        ),
        "Are all patterns uniform? Hold those of the intact model.": (
            "def hold(pattern, point):\n"
            "    seen = torch.ones_like(pattern).tril()\n"
            "    return seen / seen.sum(-1, keepdim=True)\n"
            "hooks |= {name: hold for name in names}\n" + RUN
        ),
        "Does every head attend to itself alone? Hold the intact model's patterns.": (
            "def hold(pattern, point):\n"
            "    return torch.eye(pattern.shape[-1]).to(pattern).expand_as(pattern)\n"
            "hooks |= {name: hold for name in names}\n" + RUN
        ),
        "Is only the first head of each pair list ablated?": (
            CACHE + "hooks = zero_ablation_hooks(model, list(heads)[:1])\n" + HOLD + RUN
        ),
        "Is only the last head of the list ablated?": (
            CACHE + "hooks = zero_ablation_hooks(model, list(heads)[-1:])\n" + HOLD + RUN
        ),
        "Are the effects on the logits of full ablation returned?": (
            "return model(tokens) - model.run_with_hooks(tokens, hooks=hooks)"
        ),
        "Is the change of the logits returned? Return the logits.": (
            CACHE + HOLD + RUN.replace("return ", "return -model(tokens) + ")
        ),
        "Are log-probabilities returned? Return logits.": (CACHE + HOLD + RUN + ".log_softmax(-1)"),
        "Are only the last position's logits returned? Return all.": (
            CACHE + HOLD + RUN + "[:, -1:]"
        ),
    },
)
