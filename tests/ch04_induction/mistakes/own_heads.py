"""Wrong answers to 4.13 to 4.15, and right ones."""

from tests.grading.mistakes import mistakes, right_answers

INDUCTION, PREVIOUS = '"1.0", "1.4"', '"0.3", "0.4"'


def heads(induction: str = INDUCTION, previous: str = PREVIOUS) -> str:
    """Write the table of 4.13."""
    return f"induction_heads = [{induction}]\nprevious_token_heads = [{previous}]"


def pairs(first: str = '"0.0", "0.1"', second: str = '"1.2", "1.5"') -> str:
    """Write the table of 4.15."""
    return f"layer_0 = [{first}]\nlayer_1 = [{second}]"


WORKING = mistakes(
    "4.13",
    "4.13",
    unnamed={
        "1.1 is named, but no subset": heads('"1.0", "1.1", "1.4"'),
        "a head that works is not named": [
            heads('"1.0"'),
            heads('"1.4"'),
            heads(previous='"0.4"'),
        ],
        "expected different heads of layer 1": [heads('"0.1", "1.4"'), heads('"1.0", "1.0"')],
        "no subset of the named heads needs it": [heads('"1.2", "1.5"'), heads(previous='"0.1"')],
        "not named, and does the same": heads(previous='"0.3"'),
        "expected different heads of layer 0": heads(previous=""),
    },
)
CANCEL = mistakes(
    "4.15",
    "4.15",
    unnamed={
        "expected two heads, got 3": pairs('"0.0", "0.1", "0.2"'),
        "expected two heads whose outputs cancel": [
            pairs('"0.3", "0.4"'),
            pairs(second='"1.0", "1.2"'),
        ],
        "expected different heads of layer 1": [pairs(second='"1.9"'), pairs(second="1, 2")],
    },
)
SCRATCH = mistakes(
    "4.14",
    "find_induction_heads",
    {
        "Are layer and head exchanged in the list? A head is (layer, head).": {
            "found.append(head)": "found.append(head[::-1])"
        },
        "Does every head that attends there count? Some change no prediction.": {
            "found = []": "return candidates"
        },
        "Is attention not looked at? Other heads change the prediction of repeats too.": {
            "(x > 0.3)": "(x > -1.0)"
        },
        "Is nothing found at all? Look at the token attended to, the limits and the ablation.": [
            {"period - 1": "0"},
            {"period - 1": "1"},
            {"period - 1": "period - 2"},
            {"(x > 0.3)": "(x > 3.0)"},
            {"z[:, :, head] = 0.0": "z[:, :, head] * 0.0"},
        ],
        "Is each head ablated alone? Equal heads back each other up; ablate others as well.": {
            "max(loss([head]) - whole, without_all - loss(others))": "loss([head]) - whole"
        },
    },
    unnamed={
        "global random state": {
            "torch.rand(32, model.config.d_vocab, generator=generator)": (
                "torch.rand(32, model.config.d_vocab)"
            )
        },
    },
)
RIGHT = [
    *right_answers("4.13", "4.13", {"in another order": heads('"1.4", "1.0"', "[0, 4], [0, 3]")}),
    *right_answers("4.15", "4.15", {"in another order": pairs('"0.1", "0.0"', "[1, 5], [1, 2]")}),
    *right_answers(
        "4.14",
        "find_induction_heads",
        {
            "one head kept at a time": (
                "size = min(16, model.config.n_ctx // 3)\n"
                "rows = [torch.randperm(model.config.d_vocab, generator=generator)[:size]\n"
                "        for _ in range(24)]\n"
                "text = torch.stack(rows).tile(3)\n"
                "every = [(i, j) for i in range(len(model.blocks)) for j in range(model.config.n_heads)]\n"
                "_, seen = model.run_with_cache(text)\n"
                "query = torch.arange(size, 3 * size)\n"
                "def attends(i, j):\n"
                "    pattern = seen[f'blocks.{i}.attn.hook_pattern'][:, j]\n"
                "    return sum(pattern[:, q, (q % size + 1) % size + size * k].mean()\n"
                "               for q in query.tolist() for k in range(3)\n"
                "               if (q % size + 1) % size + size * k <= q) / len(query)\n"
                "likely = [h for h in every if attends(*h) > 0.35]\n"
                "def score(kept):\n"
                "    hooks = {}\n"
                "    for layer in range(len(model.blocks)):\n"
                "        off = [j for i, j in likely if i == layer and (i, j) not in kept]\n"
                "        def hook(z, point, off=off):\n"
                "            z = z.clone()\n"
                "            z[:, :, off] = 0\n"
                "            return z\n"
                "        hooks[f'blocks.{layer}.attn.hook_z'] = hook\n"
                "    logits = model.run_with_hooks(text, hooks=hooks)[:, size - 1 : -1]\n"
                "    return torch.nn.functional.cross_entropy(logits.flatten(0, 1),\n"
                "                                             text[:, size:].flatten()).item()\n"
                "none = score([])\n"
                "return [h for h in likely if none - score([h]) > 0.3]"
            )
        },
    ),
]
REAL = mistakes(
    "4.16",
    "4.16",
    unnamed={
        "the other is not needed": [
            'two_heads = ["18.7", "28.3"]',
            'two_heads = ["25.0", "26.1"]',
        ],
        "of the strong heads that are left": 'two_heads = ["17.5", "17.8"]',
        "gone already": 'two_heads = ["18.6", "18.7"]',
        "expected two heads": ['two_heads = ["18.7"]', 'two_heads = ["16.0", "18.7"]'],
    },
)
RIGHT += right_answers("4.16", "4.16", {"another strong pair": "two_heads = [[17, 5], [18, 7]]"})
