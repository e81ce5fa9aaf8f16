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
        "Is nothing corrupted? The sender's output comes from the corrupted prompts.": {
            "run_with_cache(corrupted, names=names)": "run_with_cache(clean, names=names)"
        },
        "Are heads frozen in the last run too? Everything after the receiver is recomputed.": {
            "model.run_with_hooks(clean, hooks={received: put})": (
                "model.run_with_hooks(clean, hooks={**frozen, received: put})"
            )
        },
        "Are the MLPs frozen as well? The effect passes through them.": {
            "frozen = dict.fromkeys(names, freeze)": (
                "mlps = [name for name in model.hook_points() if name.endswith('hook_mlp_out')]\n"
                "ours |= model.run_with_cache(clean, names=mlps)[1]\n"
                "frozen = dict.fromkeys([*names, *mlps], freeze)"
            )
        },
        "Is the sender corrupted at the last position alone? It is at every position.": {
            "z[:, :, head] = theirs[sent][:, :, head]": "z[:, -1, head] = theirs[sent][:, -1, head]"
        },
        "Is the receiver's input taken from the corrupted run?": {
            "with model.hooks(frozen):\n    _, recorded = model.run_with_cache(clean,": (
                "with model.hooks({}):\n    _, recorded = model.run_with_cache(corrupted,"
            )
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
