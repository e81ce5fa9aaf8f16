"""Mistakes in path patching (5.14 and 5.15), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

SUFFIXES = (
    'suffixes = ("attn.hook_z",) if mlps == "recomputed" else ("attn.hook_z", "hook_mlp_out")'
)
ENDS = "if name.endswith(suffixes)"
PUT = "Intervention.put(site, inputs[sender])"
REACHED = "if sender < len(inputs)"
PAIRS = "zip(receivers, recorded, strict=True)"

FROZEN = mistakes(
    "5.14",
    "frozen_hook_names",
    {
        "Are MLPs frozen exactly when they are to be recomputed?": {
            '== "recomputed"': '== "frozen"'
        },
        "Are MLPs always frozen? Recomputed ones respond to the sender.": {
            SUFFIXES: 'suffixes = ("attn.hook_z", "hook_mlp_out")'
        },
        "Are MLPs never frozen? Frozen ones keep their clean output.": {
            SUFFIXES: 'suffixes = ("attn.hook_z",)'
        },
        "Are patterns frozen instead of z? Values still carry the sender's effect.": {
            SUFFIXES: SUFFIXES.replace("attn.hook_z", "attn.hook_pattern")
        },
        "Is the attention output frozen? It is a sum that includes the sender.": {
            SUFFIXES: SUFFIXES.replace("attn.hook_z", "hook_attn_out")
        },
        "Are only MLPs frozen, and not the heads too?": {
            '("attn.hook_z", "hook_mlp_out")': '("hook_mlp_out",)'
        },
        "Are the heads of layer 0 not frozen?": {ENDS: ENDS + " and '.0.' not in name"},
        "Are only layers with one digit frozen?": {ENDS: ENDS + " and name[8] == '.'"},
        "Are heads frozen at hook_result? It exists on request only: use z.": {
            '("attn.hook_z",)': '("attn.hook_result",)'
        },
        "Is the residual stream frozen too? It is a sum that includes the sender.": {
            '"hook_mlp_out")': '"hook_mlp_out", "hook_resid_mid")'
        },
        "Are all hook points frozen?": {ENDS: ""},
    },
)
RECEIVED = mistakes(
    "5.15",
    "patch_receivers",
    {
        "Is this always the first sender's input?": {PUT: "Intervention.put(site, inputs[0])"},
        "Is this always the last sender's input?": {PUT: "Intervention.put(site, inputs[-1])"},
        "Does it stop at the first receiver without an entry? Later ones may have one.": """
            found = []
            for site, inputs in zip(receivers, recorded):
                if sender >= len(inputs):
                    break
                found.append(Intervention.put(site, inputs[sender]))
            return found
            """,
        "Are the inputs of all senders put at once? Take one.": {
            PUT: "Intervention.put(site, inputs)"
        },
        "Is this the mean over senders? Take one.": {
            PUT: "Intervention.put(site, inputs.mean(dim=0))"
        },
        "Is this the sum over senders? Take one.": {
            PUT: "Intervention.put(site, inputs.sum(dim=0))"
        },
        "Is this the next sender's input?": {
            PUT: "Intervention.put(site, inputs[(sender + 1) % len(inputs)])"
        },
        "Is this the input of the sender before? Senders count from 0.": [
            {PUT: "Intervention.put(site, inputs[max(sender - 1, 0)])"},
            {PUT: "Intervention.put(site, inputs[sender - 1])"},
        ],
        "Is the last sender of each receiver skipped?": {REACHED: "if sender + 1 < len(inputs)"},
        "Is a value put at a query? Each receiver gets its own input, at its own site.": {
            PUT: "Intervention.put(type(site)(site.hook.replace('hook_q', 'hook_v'), site.layer, "
            "head=site.head, position=site.position), inputs[sender])"
        },
        "Is the input put at every position? Use the receiver's site.": {
            PUT: "Intervention.put(type(site)(site.hook, site.layer, head=site.head), "
            "inputs[sender])"
        },
        "Is the input put at every head? Use the receiver's site.": {
            PUT: "Intervention.put(type(site)(site.hook, site.layer, position=site.position), "
            "inputs[sender])"
        },
        "Is the input added? It replaces the receiver's input.": {
            PUT: "Intervention.add(site, inputs[sender])"
        },
        "Are the receivers in reverse order?": {
            PAIRS: "zip(receivers[::-1], recorded, strict=True)"
        },
        "Is only the first receiver patched?": {PAIRS: "zip(receivers[:1], recorded[:1])"},
    },
    unnamed={
        "index": [
            {REACHED: ""},
            {REACHED: "if sender <= len(inputs)"},
            {REACHED: "if len(inputs)"},
        ],
    },
)
RIGHT_FROZEN = right_answers(
    "5.14",
    "frozen_hook_names",
    {
        "layer by layer": """
            names = []
            for layer, block in enumerate(model.blocks):
                names.append(f"blocks.{layer}.attn.hook_z")
                if mlps == "frozen" and f"blocks.{layer}.hook_mlp_out" in model.hook_points():
                    names.append(f"blocks.{layer}.hook_mlp_out")
            return names
            """,
        "chosen by a condition": """
            def held(name: str) -> bool:
                last = name.split(".")[-1]
                return last == "hook_z" or (last == "hook_mlp_out" and mlps == "frozen")

            return model.choose_names(held)
            """,
    },
)
RIGHT_RECEIVED = right_answers(
    "5.15",
    "patch_receivers",
    {
        "in a loop": """
            found = []
            for i, site in enumerate(receivers):
                if len(recorded[i]) > sender:
                    value = recorded[i][sender].clone()
                    found.append(Intervention(site, "replace", value=value))
            return found
            """,
        "of those that are reached": """
            reached = [pair for pair in zip(receivers, recorded) if len(pair[1]) >= sender + 1]
            return tuple(Intervention.put(site, x.select(0, sender)) for site, x in reached)
            """,
    },
)
