"""Mistakes in path patching (5.14 and 5.15), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

SUFFIXES = (
    'suffixes = ("attn.hook_z",) if mlps == "recomputed" else ("attn.hook_z", "hook_mlp_out")'
)
ENDS = "if name.endswith(suffixes)"
PUT = "Intervention.put(site, inputs[sender])"
REACHED = "if sender < len(inputs)"
REACH = "if len(inputs)"
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
        "Is the MLP's hidden layer frozen? Freeze its output, hook_mlp_out.": [
            {'"hook_mlp_out")': f'"{name}")'} for name in ("mlp.hook_post", "mlp.hook_pre")
        ],
        "Are the heads' inputs frozen? Freeze their outputs, attn.hook_z.": [
            {ENDS: "if name.endswith((*suffixes, 'hook_q', 'hook_k', 'hook_v'))"},
            {
                '("attn.hook_z",)': "('attn.hook_q', 'attn.hook_k', 'attn.hook_v')",
                '("attn.hook_z", "hook_mlp_out")': (
                    "('attn.hook_q', 'attn.hook_k', 'attn.hook_v', 'hook_mlp_out')"
                ),
            },
        ],
        "Are patterns frozen next to z? z is enough.": {
            ENDS: "if name.endswith((*suffixes, 'attn.hook_pattern'))"
        },
        "Is the attention output frozen next to z? It is a sum that includes the sender.": {
            ENDS: "if name.endswith((*suffixes, 'hook_attn_out'))"
        },
        "Is the residual stream after each block frozen too? It includes the sender.": {
            ENDS: "if name.endswith((*suffixes, 'hook_resid_post'))"
        },
        "Are these endings of names? Return full names, as in model.hook_points().": {
            "return [name for name in model.hook_points() if name.endswith(suffixes)]": (
                "return list(suffixes)"
            )
        },
        "Is the last layer left out? Every layer is frozen.": {
            ENDS: ENDS + " and f'blocks.{len(model.blocks) - 1}.' not in name"
        },
        "Are values frozen instead of z? The pattern still carries the sender's effect.": {
            SUFFIXES: SUFFIXES.replace("attn.hook_z", "attn.hook_v")
        },
        "Are all hook points of the MLP frozen? Freeze its output alone.": {
            ENDS: "if 'hook_z' in name or ('mlp' in name and mlps == 'frozen')"
        },
        "Are MLPs always frozen, and heads never?": {SUFFIXES: 'suffixes = ("hook_mlp_out",)'},
        "Is only the last layer's MLP frozen? With 'frozen' every MLP is.": {
            ENDS: ENDS + " and ('hook_z' in name or f'{len(model.blocks) - 1}.hook_mlp' in name)"
        },
        "Is the first layer alone frozen? Every layer is.": {ENDS: ENDS + " and '.0.' in name"},
        "Are the names those that are not frozen?": {ENDS: "if not name.endswith(suffixes)"},
        "Is nothing frozen?": {ENDS: "if False"},
        "Is each name without its layer? A full name is blocks.0.attn.hook_z.": {
            "return [name for": "return [name.split('.', 2)[-1] for"
        },
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
        "Is a receiver not skipped that has no entry for this sender?": [
            {REACHED: ""},
            {REACHED: "if len(inputs)"},
        ],
        "Is a receiver with exactly `sender` entries not skipped? The first sender is 0.": {
            REACHED: "if sender <= len(inputs)"
        },
        "Is a receiver without an entry patched with another sender's input? Skip it.": [
            {PUT: "Intervention.put(site, inputs[min(sender, len(inputs) - 1)])", REACHED: REACH},
            {PUT: "Intervention.put(site, inputs[sender % len(inputs)])", REACHED: REACH},
        ],
        "Is a receiver without an entry set to zero? Skip it.": {
            PUT: PUT + " if sender < len(inputs) else Intervention.zero(site)",
            REACHED: "",
        },
        "Is the result empty when one receiver has no entry? Skip that receiver alone.": """
            if any(sender >= len(inputs) for inputs in recorded):
                return []
            return [Intervention.put(s, x[sender]) for s, x in zip(receivers, recorded)]
            """,
        "Are receivers and senders exchanged? `recorded` is one tensor per receiver.": """
            if sender >= len(recorded):
                return []
            return [Intervention.put(site, x) for site, x in zip(receivers, recorded[sender])]
            """,
        "Is the axis of senders kept with size 1? Use inputs[sender].": {
            PUT: "Intervention.put(site, inputs[sender : sender + 1])"
        },
        "Is the sender taken from another axis than the first?": {
            PUT: "Intervention.put(site, inputs[:, sender])"
        },
        "Is the first prompt's input put for all prompts? Each has its own.": {
            PUT: "Intervention.put(site, inputs[sender][:1])"
        },
        "Is the input averaged over prompts? Each has its own.": {
            PUT: "Intervention.put(site, inputs[sender].mean(dim=0, keepdim=True))"
        },
        "Is the input at the last position put at all of them? Each has its own.": {
            PUT: "Intervention.put(site, inputs[sender][:, -1:])"
        },
        "Is the receiver patched from the corrupted run? Put its input of run C.": {
            PUT: "Intervention.patch(site, 'corrupted')"
        },
        "Do senders count from the last one? Sender 0 is the first.": {
            PUT: "Intervention.put(site, inputs[-1 - sender])"
        },
        "Is sender 0 left out? Senders count from 0.": {REACHED: "if 0 < sender < len(inputs)"},
        "Is the input multiplied? It replaces the receiver's input.": {
            PUT: "Intervention(site, 'scale', inputs[sender])"
        },
        "Is only the last receiver patched?": {PAIRS: "zip(receivers[-1:], recorded[-1:])"},
        "Is the input of another receiver put? Each receiver gets its own.": {
            PAIRS: "zip(receivers, recorded[::-1])"
        },
        "Is the order of the conditions reversed? Skip the receivers without an entry.": {
            REACHED: "if sender >= len(inputs)"
        },
        "Is only the first receiver patched?": {PAIRS: "zip(receivers[:1], recorded[:1])"},
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
