"""Answers to 5.14 and 5.15."""

from tests.grading.variants import Right, Wrong

KINDS = 'suffixes = ("attn.hook_z",) if mlps == "recomputed" else ("attn.hook_z", "hook_mlp_out")'
NAMES = "return [name for name in model.hook_points() if name.endswith(suffixes)]"
PUT = "Intervention.put(site, inputs[sender])"
REACHED = "if sender < len(inputs)"
PAIRS = "zip(receivers, recorded, strict=True)"


def hold(name: str, old: str, new: str, says: str) -> Wrong:
    """A mistake in frozen_hook_names."""
    return Wrong("5.14", name, {old: new}, says=says)


def receive(name: str, old: str, new: str, says: str) -> Wrong:
    """A mistake in patch_receivers."""
    return Wrong("5.15", name, {old: new}, says=says)


WRONG = [
    hold("the reverse", '== "recomputed"', '== "frozen"', "the other way round?"),
    hold(
        "always frozen",
        KINDS,
        'suffixes = ("attn.hook_z", "hook_mlp_out")',
        "nothing of theirs is held",
    ),
    hold("never frozen", KINDS, 'suffixes = ("attn.hook_z",)', "their output is held"),
    hold(
        "patterns held",
        KINDS,
        KINDS.replace("attn.hook_z", "attn.hook_pattern"),
        "A held pattern still mixes values",
    ),
    hold(
        "attention's output held",
        KINDS,
        KINDS.replace("attn.hook_z", "hook_attn_out"),
        "What sums over heads holds the sender as well",
    ),
    hold(
        "only MLPs when frozen",
        '("attn.hook_z", "hook_mlp_out")',
        '("hook_mlp_out",)',
        "Missing: blocks.0.attn.hook_z",
    ),
    hold("first layer free", NAMES, NAMES[:-1] + " and '.0.' not in name]", "Missing: blocks.0."),
    hold(
        "single digits",
        NAMES,
        NAMES[:-1] + " and name[8] == '.']",
        "Missing: blocks.10.attn.hook_z",
    ),
    hold("results", '("attn.hook_z",)', '("attn.hook_result",)', "Too many: blocks.0.attn.hook_re"),
    hold(
        "the stream",
        '"hook_mlp_out")',
        '"hook_mlp_out", "hook_resid_mid")',
        "What sums over heads holds the sender",
    ),
    hold("all there is", "if name.endswith(suffixes)", "", "Too many"),
    receive("the first sender's", PUT, "Intervention.put(site, inputs[0])", "from sender 0"),
    receive("the last sender's", PUT, "Intervention.put(site, inputs[-1])", "from sender"),
    receive(
        "all senders at once",
        PUT,
        "Intervention.put(site, inputs)",
        "This is what came from all senders at once",
    ),
    receive("mean", PUT, "Intervention.put(site, inputs.mean(dim=0))", "the mean over senders"),
    receive(
        "one too late",
        PUT,
        "Intervention.put(site, inputs[(sender + 1) % len(inputs)])",
        "This is what came from sender",
    ),
    receive("nobody left out", REACHED, "", "index"),
    receive("one too few", REACHED, "if sender + 1 < len(inputs)", "something arrives at"),
    receive("one too many", REACHED, "if sender <= len(inputs)", "index"),
    receive("empty ones alone", REACHED, "if len(inputs)", "index"),
    receive(
        "value for query",
        PUT,
        'Intervention.put(type(site)(site.hook.replace("hook_q", "hook_v"), site.layer, '
        "head=site.head, position=site.position), inputs[sender])",
        "is to be at",
    ),
    receive(
        "every position",
        PUT,
        "Intervention.put(type(site)(site.hook, site.layer, head=site.head), inputs[sender])",
        "at its own place",
    ),
    receive(
        "whole layer",
        PUT,
        "Intervention.put(type(site)(site.hook, site.layer, position=site.position), "
        "inputs[sender])",
        "at its own place",
    ),
    receive("added", PUT, "Intervention.add(site, inputs[sender])", "the action is 'add'"),
    receive(
        "receivers turned round",
        PAIRS,
        "zip(receivers[::-1], recorded, strict=True)",
        "is to be at",
    ),
    receive("first receiver", PAIRS, "zip(receivers[:1], recorded[:1])", "interventions came"),
]

RIGHT = [
    Right(
        "5.14",
        "layer by layer",
        body={
            "frozen_hook_names": """
            names = []
            for layer, block in enumerate(model.blocks):
                names.append(f"blocks.{layer}.attn.hook_z")
                if mlps == "frozen" and f"blocks.{layer}.hook_mlp_out" in model.hook_points():
                    names.append(f"blocks.{layer}.hook_mlp_out")
            return names
            """
        },
    ),
    Right(
        "5.14",
        "chosen by a condition",
        body={
            "frozen_hook_names": """
            def held(name: str) -> bool:
                last = name.split(".")[-1]
                return last == "hook_z" or (last == "hook_mlp_out" and mlps == "frozen")

            return model.choose_names(held)
            """
        },
    ),
    Right(
        "5.15",
        "in a loop",
        body={
            "patch_receivers": """
            found = []
            for i, site in enumerate(receivers):
                if len(recorded[i]) > sender:
                    value = recorded[i][sender].clone()
                    found.append(Intervention(site, "replace", value=value))
            return found
            """
        },
    ),
    Right(
        "5.15",
        "of those that are reached",
        body={
            "patch_receivers": """
            reached = [pair for pair in zip(receivers, recorded) if len(pair[1]) >= sender + 1]
            return tuple(Intervention.put(site, x.select(0, sender)) for site, x in reached)
            """
        },
    ),
]
