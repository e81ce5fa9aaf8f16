"""Wrong answers to 5.16 to 5.18, and right ones."""

from tests.grading.mistakes import mistakes, right_answers

SCRATCH = mistakes(
    "5.16",
    "path_effect",
    {
        "Are the other heads not frozen? Only the sender's effect past all heads counts.": {
            "frozen = dict.fromkeys(names, freeze)": "frozen = {sent: freeze}"
        },
        "Are all heads of the sender's layer corrupted? Only the sender is.": {
            "z[:, :, head] = theirs[sent][:, :, head]": "z = theirs[sent]"
        },
        "Do all heads of the receiver's layer get the new input? Only the receiver does.": {
            "x[:, :, receiver.head] = recorded[received][:, :, receiver.head]": "x = recorded[received]"
        },
        "Is nothing corrupted? The sender's output comes from the corrupted prompts.": [
            {"run_with_cache(corrupted, names=names)": "run_with_cache(clean, names=names)"},
            {"theirs[sent][:, :, head]": "ours[sent][:, :, head]"},
        ],
        "Are heads frozen in the last run too? Everything after the receiver is recomputed.": [
            {
                "model.run_with_hooks(clean, hooks={received: put})": (
                    "model.run_with_hooks(clean, hooks={**frozen, received: put})"
                )
            },
            {
                "return metric(model.run_with_hooks(clean, hooks={received: put})": (
                    "def keep(z, point):\n"
                    "    kept = ours[point.name].clone()\n"
                    "    if point.name == names[receiver.layer]:\n"
                    "        kept[:, :, receiver.head] = z[:, :, receiver.head]\n"
                    "    return kept\n"
                    "last = {**dict.fromkeys(names, keep), received: put}\n"
                    "return metric(model.run_with_hooks(clean, hooks=last)"
                )
            },
        ],
        "Are the MLPs frozen as well? The effect passes through them.": {
            "frozen = dict.fromkeys(names, freeze)": (
                "mlps = [name for name in model.hook_points() if name.endswith('hook_mlp_out')]\n"
                "ours |= model.run_with_cache(clean, names=mlps)[1]\n"
                "frozen = dict.fromkeys([*names, *mlps], freeze)"
            )
        },
        "Is the sender or the receiver patched at the last position alone? Patch all positions.": [
            {
                "z[:, :, head] = theirs[sent][:, :, head]": (
                    "z[:, -1, head] = theirs[sent][:, -1, head]"
                )
            },
            {
                "x[:, :, receiver.head] = recorded[received][:, :, receiver.head]": (
                    "x[:, -1, receiver.head] = recorded[received][:, -1, receiver.head]"
                )
            },
        ],
        "Is the receiver's input taken from the corrupted run?": {
            "with model.hooks(frozen):\n    _, recorded = model.run_with_cache(clean,": (
                "with model.hooks({}):\n    _, recorded = model.run_with_cache(corrupted,"
            )
        },
        "Is the whole layer of the sender corrupted, while other heads are not frozen?": {
            "frozen = dict.fromkeys(names, freeze)": "frozen = {sent: lambda x, p: theirs[sent]}"
        },
        "Is the metric itself returned? Subtract that of the clean prompts.": [
            {
                ".run_with_hooks(clean, hooks=frozen)[:, -1]) - before": (
                    ".run_with_hooks(clean, hooks=frozen)[:, -1])"
                ),
                "hooks={received: put})[:, -1]) - before": "hooks={received: put})[:, -1])",
            },
        ],
        "Is the sign flipped? It is patched minus clean.": {
            "before = metric(logits[:, -1])": "flipped = metric\n"
            "metric = lambda x: -flipped(x)\nbefore = metric(logits[:, -1])"
        },
        "Is the metric of the corrupted prompts subtracted? Subtract that of the clean ones.": {
            "before = metric(logits[:, -1])": "before = metric(model(corrupted)[:, -1])"
        },
        "Is the change divided by the clean metric? It is a difference.": {
            "before = metric(logits[:, -1])": "before = metric(logits[:, -1])\n"
            "whole, unit = metric, before\n"
            "metric, before = lambda x: whole(x) / unit, before / unit"
        },
        "Is the sender set to zero? Its output comes from the corrupted prompts.": {
            "z[:, :, head] = theirs[sent][:, :, head]": "z[:, :, head] = 0"
        },
        "Is the sender's output averaged over prompts? Each prompt has its own.": {
            "theirs[sent][:, :, head]": "theirs[sent][:, :, head].mean(0)"
        },
        "Is a receiver of None not handled? Then the paths lead to the logits.": {
            "if receiver is None:": "if False:"
        },
        "Are other heads frozen at their corrupted outputs? They are clean.": {
            "z = ours[point.name].clone()": "z = theirs[point.name].clone()"
        },
        "Is the sender's index used in every layer? Compare the layer too.": {
            "if point.name == sent:\n        z[:, :, head] = theirs[sent][:, :, head]": (
                "z[:, :, head] = theirs[point.name][:, :, head]"
            )
        },
        "Is the patched receiver run on the corrupted prompts? Run the clean ones.": {
            "model.run_with_hooks(clean, hooks={received: put})": (
                "model.run_with_hooks(corrupted, hooks={received: put})"
            )
        },
        "Is the receiver's side ignored? Patch the query, key or value that it names.": {
            "attn.hook_{receiver.side}": "attn.hook_q"
        },
        "Are queries, keys and values of the receiver all patched? Only one of them is.": {
            "x[:, :, receiver.head] = recorded[received][:, :, receiver.head]\n    return x\n": (
                "x[:, :, receiver.head] = recorded[received][:, :, receiver.head]\n    return x\n\n"
                "sides = [received[:-1] + side for side in 'qkv']\n"
                "with model.hooks(frozen):\n"
                "    _, recorded = model.run_with_cache(clean, names=sides)\n\n"
                "def put(x, point):\n    x = x.clone()\n    n = receiver.head % x.shape[2]\n"
                "    x[:, :, n] = recorded[point.name][:, :, n]\n    return x\n\n"
                "return metric("
                "model.run_with_hooks(clean, hooks=dict.fromkeys(sides, put))[:, -1]) - before\n"
            )
        },
        "Is the sender's layer and head exchanged?": {
            "sent, head = names[sender[0]], sender[1]": (
                "sent, head = names[sender[1] % len(names)], sender[0]"
            )
        },
        "Is the first position of the logits read? Read the last one.": {
            "before = metric(logits[:, -1])": "before = metric(logits[:, 0])",
            "hooks=frozen)[:, -1])": "hooks=frozen)[:, 0])",
            "hooks={received: put})[:, -1])": "hooks={received: put})[:, 0])",
        },
        "Is this activation patching of the sender, with no head frozen and no receiver?": {
            "if receiver is None:": "frozen = {sent: lambda x, p: "
            "torch.cat([x[:, :, :head], theirs[sent][:, :, head : head + 1], x[:, :, head + 1 :]], 2)}"
            "\nif True:"
        },
        "Are the clean and corrupted prompts exchanged?": {
            "run_with_cache(corrupted, names=names)": "run_with_cache(clean, names=names)",
            "logits, ours = model.run_with_cache(clean,": (
                "clean, corrupted = corrupted, clean\nlogits, ours = model.run_with_cache(clean,"
            ),
        },
    },
    unnamed={
        "to the logits": {
            "return metric(model.run_with_hooks(clean, hooks=frozen)[:, -1]) - before": (
                "return before - metric(model.run_with_hooks(clean, hooks=frozen)[:, -1])"
            )
        },
    },
)
GATES = mistakes(
    "5.17",
    "5.17",
    unnamed={
        "a sufficient set is missing": "sufficient_sets = [[1, 8]]\nnecessary_set = [1, 2]",
        "restores 0.00 of the answer, expected 1": (
            "sufficient_sets = [[1], [2, 3, 5]]\nnecessary_set = [1, 2]"
        ),
        "works without 0 too": "sufficient_sets = [[0, 1, 8], [2, 3, 5]]\nnecessary_set = [1, 2]",
        "takes 0.00 of the answer away": (
            "sufficient_sets = [[1, 8], [2, 3, 5]]\nnecessary_set = [1, 8]"
        ),
        "is not a smallest set": (
            "sufficient_sets = [[1, 8], [2, 3, 5]]\nnecessary_set = [1, 2, 3]"
        ),
        "expected a list of different heads": [
            "sufficient_sets = [1, 8]\nnecessary_set = [1, 2]",
            "sufficient_sets = [[1, 8], [2, 3, 5]]\nnecessary_set = []",
        ],
    },
)


def routes(head: int | str = 6, q: str = "0, 1", k: str = "0", v: str = "6") -> str:
    """Write the table of 5.18."""
    return f"answering_head = {head}\nquery_heads = [{q}]\nkey_heads = [{k}]\nvalue_heads = [{v}]"


ROUTES = mistakes(
    "5.18",
    "5.18",
    unnamed={
        "a head is missing": [routes(q="0"), routes(v="5")],
        "carries nothing of the answer": [routes(v="0, 6"), routes(k="0, 1"), routes(q="0, 1, 2")],
        "no head of layer 0 matters": [routes(head=5), routes(head=0)],
        "expected a list of different heads": [routes(q="0, 0, 1"), routes(k="8")],
        "expected one head": routes(head="[6]"),
    },
)
RIGHT = [
    *right_answers(
        "5.16",
        "path_effect",
        {
            "one set of hooks per run": (
                "store = {}\n"
                "def keep(run):\n"
                "    def hook(z, point):\n"
                "        store[run, point.name] = z.clone()\n"
                "    return hook\n"
                "layers = range(len(model.blocks))\n"
                "def hooks(make):\n"
                "    return {f'blocks.{i}.attn.hook_z': make for i in layers}\n"
                "model.run_with_hooks(corrupted, hooks=hooks(keep('a')))\n"
                "base = model.run_with_hooks(clean, hooks=hooks(keep('b')))\n"
                "def mixed(z, point):\n"
                "    z[:] = store['b', point.name]\n"
                "    if point.name == f'blocks.{sender[0]}.attn.hook_z':\n"
                "        z[:, :, sender[1]] = store['a', point.name][:, :, sender[1]]\n"
                "wanted = hooks(mixed)\n"
                "if receiver is not None:\n"
                "    to = f'blocks.{receiver.layer}.attn.hook_{receiver.side}'\n"
                "    model.run_with_hooks(clean, hooks={**wanted, to: keep('c')})\n"
                "    def restore(x, point):\n"
                "        x[:, :, receiver.head] = store['c', to][:, :, receiver.head]\n"
                "    wanted = {to: restore}\n"
                "end = model.run_with_hooks(clean, hooks=wanted)\n"
                "return metric(end[:, -1]) - metric(base[:, -1])"
            )
        },
    ),
    *right_answers(
        "5.17",
        "5.17",
        {"in another order": "sufficient_sets = [[5, 3, 2], [8, 1]]\nnecessary_set = [8, 5]"},
    ),
    *right_answers("5.18", "5.18", {"in another order": routes(q="1, 0")}),
]
