"""Mistakes with swaps (12.17), keeping, removing and agreement (12.18)."""

from tests.grading.mistakes import mistakes, right_answers

SITES = mistakes(
    "12.17",
    "swap_interventions",
    {},
    unnamed={
        "one replacement per layer": [
            {"range(SINK + 1, n_pos)": "range(n_pos)"},
            {"range(SINK + 1, n_pos)": "range(SINK + 1, n_pos - 1)"},
            {"range(SINK + 1, n_pos)": "(n_pos - 1,)"},
            {"mlp.hook_post": "mlp.hook_pre"},
            {
                "sorted({neuron for place, neuron in group if place == layer})": (
                    "sorted({neuron for _, neuron in group})"
                )
            },
        ],
        "not the other run's": {
            'Intervention.patch(site, "other")': 'Intervention.patch(site, "clean")'
        },
    },
)
SWAP = mistakes(
    "12.17",
    "swap",
    {
        "Are the values the prompt's own? Exchange the two prompts for the other run.": {
            "pair.tokens.flip(0), sites": "pair.tokens, sites"
        },
        "Is the run without intervention that of the other prompt?": {
            "unpatched(model, pair.tokens, metric)": "unpatched(model, pair.tokens.flip(0), metric)"
        },
        "Are both prompts measured by the first one's answer?": {
            "return Swaps(before": (
                "metric = logit_diff_from_resid(\n"
                "        model, pair.answers[[0, 0]], pair.answers[[1, 1]]\n"
                ")\n"
                "before = unpatched(model, pair.tokens, metric)\n"
                "return Swaps(before"
            )
        },
        "Does each group contain those before it?": {
            "return Swaps(before": (
                "patches = [sum(patches[: n + 1], []) for n in range(len(patches))]\n"
                "return Swaps(before"
            )
        },
    },
)
RATES = mistakes(
    "12.17",
    "switch_rates",
    {
        "Does a pair count if the model is right in one of its prompts?": {".all()": ".any()"},
        "Do all pairs count?": {"if (one.before > 0).all()": "if True"},
        "Are pairs counted and not prompts?": {"len(before), switched": "len(counted), switched"},
        "Is a case switched when its logit difference falls?": {"(after < 0)": "(after < before)"},
        "Is the sign of the other prompt wrong? Its own answer is the wrong one here.": {
            "other = -torch.cat": "other = torch.cat"
        },
        "Is the other prompt the same prompt?": {"one.before.flip(0) for": "one.before for"},
        "Are the means divided instead of the cases averaged?": {
            "((before - after) / (before - other)).mean(dim=1)": (
                "(before - after).mean(dim=1) / (before - other).mean()"
            )
        },
    },
)
KEEP = mistakes(
    "12.18",
    "keep_and_remove",
    {
        "Are kept and removed exchanged?": {"[kept, ~kept,": "[~kept, kept,"},
        "Are whole and empty exchanged?": {"~nothing, nothing]": "nothing, ~nothing]"},
        "Are kept neurons held at their values in the clean run? They are to be live.": (
            "_, own = model.run_with_cache(pair.tokens[:1], names=names)\n"
            "live = torch.cat([kept, ~kept, ~nothing, nothing])\n"
            "def set_others(post, point):\n"
            '    layer = int(point.name.split(".")[1])\n'
            "    return torch.where(live[:, layer], own[point.name], other[point.name])\n"
            "rows = pair.tokens[:1].expand(len(live), -1)\n"
            "with model.hooks(dict.fromkeys(names, set_others)):\n"
            "    resid = model(rows, stop_at_layer=len(model.blocks))\n"
            "metric, n = logit_diff_from_resid(model, pair.answers[:1], pair.answers[1:]), len(kept)\n"
            "scores = metric(resid[:, -1:])[:, 0]\n"
            "return Faithfulness(scores[:n], scores[n:-2], scores[-2].item(), scores[-1].item())"
        ),
        "Are the other neurons zero, and not as in the other prompt?": {
            "post, other[point.name])": "post, 0 * post)"
        },
        "Is every layer masked like layer 0?": {"live[:, layer]": "live[:, 0 * layer]"},
        "Is the other prompt run? Run the first one.": {
            "pair.tokens[:1].expand": "pair.tokens[1:].expand"
        },
        "Are answer and wrong answer exchanged?": {
            "pair.answers[:1], pair.answers[1:]": "pair.answers[1:], pair.answers[:1]"
        },
    },
)
AGREE = mistakes(
    "12.18",
    "agreement",
    {
        "Is the slope that of predicted on measured?": {
            "(x * y).sum() / x.square().sum()": "(x * y).sum() / y.square().sum()"
        },
        "Does the slope's line have an intercept? It goes through zero.": {
            "(x * y).sum() / x.square().sum()": (
                "((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()"
            )
        },
        "Is this the cosine? Subtract the means for a correlation.": {
            "torch.corrcoef(torch.stack([x, y]))[0, 1]": ("(x * y).sum() / (x.norm() * y.norm())")
        },
        "Is the correlation squared?": {"correlation.item()": "correlation.square().item()"},
        "Is the share of positive measurements taken?": {"x.sign() == y.sign()": "y > 0"},
    },
)
RIGHT = [
    *right_answers(
        "12.17",
        "swap_interventions",
        {
            "a table of layers": (
                "table = {}\n"
                "for layer, neuron in sorted(set(group)):\n"
                "    table.setdefault(layer, []).append(neuron)\n"
                "made = []\n"
                "for layer, neurons in table.items():\n"
                '    site = Site("mlp.hook_post", layer, position=tuple(range(1, n_pos)),\n'
                "        neuron=tuple(neurons))\n"
                '    made.append(Intervention.patch(site, run="other"))\n'
                "return made"
            )
        },
    ),
    *right_answers(
        "12.17",
        "swap",
        {
            "one group at a time": (
                "before = unpatched(model, pair.tokens, metric)\n"
                "after = []\n"
                "for patch in patches:\n"
                "    sites = [one.site for one in patch]\n"
                '    run = {"other": cache_sites(model, pair.tokens.flip(0), sites)}\n'
                "    after.append(patch_sweep(model, pair.tokens, [patch], metric, run)[0])\n"
                "return Swaps(before, torch.stack(after))"
            )
        },
    ),
    *right_answers(
        "12.17",
        "switch_rates",
        {
            "case by case": (
                "cases = []\n"
                "for before, after in results:\n"
                "    if before.min() > 0:\n"
                "        for i in (0, 1):\n"
                "            cases.append((before[i], before[1 - i], after[:, i]))\n"
                "if not cases:\n"
                '    raise ValueError("expected a pair, got none; use other prompts")\n'
                "n = len(cases)\n"
                "switched = sum((after < 0).double() for *_, after in cases) / n\n"
                "moved = sum((own - after) / (own + two) for own, two, after in cases) / n\n"
                "return SwitchRates(n, switched.tolist(), moved.tolist())"
            )
        },
    ),
    *right_answers(
        "12.18",
        "keep_and_remove",
        {
            "one set at a time": (
                "metric = logit_diff_from_resid(model, pair.answers[:1], pair.answers[1:])\n"
                "def score(live):\n"
                "    def hook(layer):\n"
                "        def set_others(post, point):\n"
                "            return torch.where(live[layer], post, other[point.name])\n"
                "        return set_others\n"
                "    hooks = {name: hook(layer) for layer, name in enumerate(names)}\n"
                "    with model.hooks(hooks):\n"
                "        resid = model(pair.tokens[:1], stop_at_layer=len(model.blocks))\n"
                "    return metric(resid[:, -1:])[0, 0]\n"
                "all_of_them = torch.ones_like(kept[0])\n"
                "return Faithfulness(torch.stack([score(one) for one in kept]),\n"
                "    torch.stack([score(~one) for one in kept]),\n"
                "    score(all_of_them).item(), score(~all_of_them).item())"
            )
        },
    ),
    *right_answers(
        "12.18",
        "agreement",
        {
            "by centered vectors": (
                "a, b = x - x.mean(), y - y.mean()\n"
                "r = (a @ b) / (a.norm() * b.norm())\n"
                "same = torch.sign(x).eq(torch.sign(y)).sum().double() / len(x)\n"
                "return Agreement(float(r), float(x @ y / (x @ x)), same.item())"
            )
        },
    ),
]
