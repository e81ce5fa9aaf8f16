"""Wrong answers to 7.13 to 7.16, and right ones."""

from tests.grading.mistakes import mistakes, right_answers

S1 = ("0.2", "0.4", "1.3")
S2 = ("0.2", "0.4", "0.6", "1.3", "1.6")
END = ("1.1", "2.1", "2.2", "2.3", "2.5", "2.6", "2.7")


def circuit(s1=S1, s2=S2, end=END, more=()) -> str:
    """Write the table of 7.13."""
    roles = {"s1": s1, "s2": s2, "end": end}
    nodes = [f"{head} {role}" for role, heads in roles.items() for head in heads]
    return f"circuit = {[*nodes, *more]!r}"


CIRCUIT = mistakes(
    "7.13",
    "7.13",
    unnamed={
        "is faithful": [
            circuit(end=[head for head in END if head[0] == "2"]),
            circuit(s2=(), s1=()),
            "circuit = ['2.0 end']",
        ],
        "An impostor attends like a head that works": [
            circuit(more=["1.0 s2"]),
            circuit(more=["0.0 s1_next"]),
        ],
        "explains nothing": circuit(s1=[f"{x}.{h}" for x in range(3) for h in range(8)]),
        "expected different nodes": [
            circuit(more=["1.3 s2"]),
            circuit(more=["1.9 s2"]),
            "circuit = '1.3 s2'",
        ],
    },
)
MOVERS = mistakes(
    "7.14",
    "find_name_movers",
    {},
    unnamed={
        "are found, but add": [
            {"large and lost.mean()": "large or lost.abs().mean()"},
            {"if attention.mean() < 0.3:": "if attention.mean() < -1.0:"},
            {"lost = clean - difference": "lost = -clean + difference"},
            {"prompts.positions.io]": "prompts.positions.s2]"},
        ],
        "not MLPs": {
            "frozen = dict.fromkeys(outputs, freeze)": (
                "mlps = [n for n in model.hook_points() if n.endswith('hook_mlp_out')]\n"
                "        ours |= model.run_with_cache(prompts.tokens, names=mlps)[1]\n"
                "        frozen = dict.fromkeys([*outputs, *mlps], freeze)"
            )
        },
        "Freeze all other heads": {
            "frozen = dict.fromkeys(outputs, freeze)": "frozen = {outputs[layer]: freeze}"
        },
        "less than three standard errors": {
            "large and lost.mean() >= 3 * lost.std() / len(rows) ** 0.5": "large"
        },
        "Found none": [
            {
                "model.run_with_cache(corrupted.tokens, names=outputs)": (
                    "model.run_with_cache(prompts.tokens, names=outputs)"
                )
            },
        ],
    },
)


def names(inhibition="0.0 0.2 0.5", movers="1.4 1.6", backups="2.1 2.4 2.5") -> str:
    """Write the table of 7.15."""
    keys = {"s_inhibition": inhibition, "name_movers": movers, "backups": backups}
    return "\n".join(f"{key} = {value.split()!r}" for key, value in keys.items())


BACKUPS = mistakes(
    "7.15",
    "7.15",
    unnamed={
        "another head does the same": [names("0.0"), names("0.0 0.5")],
        "it does nothing of use": names("0.0 0.1 0.2 0.5"),
        "a name mover or a backup is missing": [names(movers="1.4"), names(backups="2.1")],
        "a backup does nothing while": names(backups="2.1 2.4 2.5 2.7"),
        "adds nothing to the answer": names(movers="1.0 1.4 1.6"),
        "expected heads that raise": names(movers="1.4 1.5 1.6"),
        "F does not fall without 2.0": names(backups="2.0 2.1 2.4 2.5"),
        "expected different heads of layer 1": [names(movers="0.4 1.6"), names(movers="")],
    },
)


def circuits(first="0.0 1.4 1.6", second="0.6 2.2 2.3 2.7") -> str:
    """Write the table of 7.16."""
    return f"first_circuit = {first.split()!r}\nsecond_circuit = {second.split()!r}"


TWO = mistakes(
    "7.16",
    "7.16",
    unnamed={
        "is in both circuits": circuits(second="0.0 2.2 2.3 2.7"),
        "expected .75 to": [circuits(first="1.4 1.6"), circuits(second="0.6 2.2")],
        "the circuit still has": [
            circuits(first="0.0 1.4 1.6 1.0"),
            circuits(second="0.6 2.2 2.3 2.7 0.1"),
        ],
        "expected different heads": [circuits(first="0.9"), circuits(second="")],
    },
)
RIGHT = [
    *right_answers("7.13", "7.13", {"in another order": circuit(s2=S2[::-1], end=END[::-1])}),
    *right_answers(
        "7.14",
        "find_name_movers",
        {
            "all heads in one batch": (
                "n, heads = len(prompts.tokens), model.config.n_heads\n"
                "every = [(i, j) for i in range(len(model.blocks)) for j in range(heads)]\n"
                "_, good = model.run_with_cache(prompts.tokens)\n"
                "_, bad = model.run_with_cache(corrupted.tokens)\n"
                "def gap(logits, k):\n"
                "    at = torch.arange(n * k)\n"
                "    last = logits[at, prompts.positions.end.repeat(k)]\n"
                "    right, wrong = prompts.io_token.repeat(k), prompts.s_token.repeat(k)\n"
                "    return (last[at, right] - last[at, wrong]).view(k, n)\n"
                "def hook(z, point):\n"
                "    new = good[point.name].repeat(len(every), 1, 1, 1)\n"
                "    for k, (i, j) in enumerate(every):\n"
                "        if point.name == f'blocks.{i}.attn.hook_z':\n"
                "            at = torch.arange(n)\n"
                "            spot = prompts.positions.end\n"
                "            new[at + k * n, spot, j] = bad[point.name][at, spot, j]\n"
                "    return new\n"
                "hooks = {f'blocks.{i}.attn.hook_z': hook for i in range(len(model.blocks))}\n"
                "big = model.run_with_hooks(prompts.tokens.repeat(len(every), 1), hooks=hooks)\n"
                "base = gap(model(prompts.tokens), 1)\n"
                "loss = base - gap(big, len(every))\n"
                "sure = loss.mean(1) >= 3 * loss.std(1) / n ** 0.5\n"
                "sure &= loss.mean(1) >= 0.02 * base.mean()\n"
                "seen = torch.tensor([good[f'blocks.{i}.attn.hook_pattern'][torch.arange(n), j,\n"
                "    prompts.positions.end, prompts.positions.io].mean() for i, j in every])\n"
                "order = loss.mean(1).argsort(descending=True).tolist()\n"
                "return [every[k] for k in order if sure[k] and seen[k] >= 0.3]"
            )
        },
    ),
    *right_answers("7.15", "7.15", {"in another order": names("0.5 0.2 0.0", "1.6 1.4")}),
    *right_answers(
        "7.16",
        "7.16",
        {
            "with all heads of layer 1 that write": circuits(
                first="0.6 1.3 1.4 1.6 2.5", second="0.0 2.7 2.3 2.2"
            )
        },
    ),
]
