"""Mistakes in 7.14 that have words of their own."""

from tests.grading.mistakes import mistakes

SORTED = "return sorted(effect, key=effect.__getitem__, reverse=True)"
PATTERN = "[rows, head, end, prompts.positions.io]"
SENT = "z[rows, end, sender[1]] = theirs[point.name][rows, end, sender[1]]"
THEIRS = "theirs[point.name][rows, end, sender[1]]"
FROZEN = "frozen = dict.fromkeys(outputs, freeze)"
LARGE = "lost.mean() >= 0.02 * clean.mean()"
CERTAIN = "lost.mean() >= 3 * lost.std() / len(rows) ** 0.5"
GAP = "last[rows, prompts.io_token] - last[rows, prompts.s_token]"
LAST = "last = logits[rows, end]"

MOVERS = mistakes(
    "7.14",
    "find_name_movers",
    {
        "Are the heads in the order of the layers? The largest effect comes first.": {
            SORTED: "return list(effect)"
        },
        "Is the logit of S not subtracted? The effect is on logit(IO) - logit(S).": [
            {GAP: "last[rows, prompts.io_token]"},
            {GAP: "last.gather(1, prompts.io_token[:, None])[:, 0]"},
        ],
        "Is the smallest effect first? The largest must be.": {", reverse=True": ""},
        "Is the attention not tested? A name mover attends to IO.": {
            "attention.mean() < 0.3": "False"
        },
        "Is it the attention to S2? A name mover attends to IO.": {
            PATTERN: PATTERN.replace("io]", "s2]")
        },
        "Is it the attention from S2? A name mover attends from END.": {
            PATTERN: "[rows, head, prompts.positions.s2, prompts.positions.io]"
        },
        "No head passes: is a position or a run another one (END, IO, `corrupted`)?": [
            {PATTERN: PATTERN.replace("io]", "s1]")},
            {PATTERN: "[rows, head, prompts.positions.io, end]"},
            {THEIRS: THEIRS.replace("theirs", "ours")},
            {LAST: "last = logits[rows, end - 1]"},
        ],
        "Are some of the other heads not frozen? Freeze all at their clean outputs.": [
            {FROZEN: "frozen = {outputs[layer]: freeze}", "z = ours[point.name]": "z = _"},
            {"z = ours[point.name]": "z = _"},
            {FROZEN: "frozen = {outputs[layer]: freeze}"},
            {FROZEN: "frozen = dict.fromkeys(outputs[: layer + 1], freeze)"},
        ],
        "Is the standard error left out, or divided by n instead of its root?": [
            {f"if large and {CERTAIN}": "if large"},
            {" ** 0.5:": ":"},
        ],
        "Does a head count by the SIZE of its effect? One that works against it does not.": {
            LARGE: "lost.mean().abs() >= 0.02 * clean.mean()",
            CERTAIN: CERTAIN.replace("lost.mean()", "lost.mean().abs()"),
        },
        "Is the sign of the effect reversed? What is lost is clean minus patched.": [
            {"lost = clean - difference": "lost = -clean + difference"},
            {GAP: "last[rows, prompts.s_token] - last[rows, prompts.io_token]"},
        ],
        "Is the size of the effect not tested, only its error?": {LARGE: "True"},
        "Is the limit 20 %? It is 2 %.": {"0.02 * clean": "0.2 * clean"},
        "Does the sender's whole layer come from the corrupted run? Exchange one head.": {
            SENT: "z[rows, end] = theirs[point.name][rows, end]"
        },
        "Is the head exchanged in all layers? Exchange one layer's.": {
            "if point.name == outputs[sender[0]]:": "if True:"
        },
        "Are the other heads frozen at the corrupted outputs? Freeze them at the clean ones.": [
            {
                "z = ours[point.name].clone()": "z = theirs[point.name].clone()",
                SENT: SENT.replace("theirs", "ours"),
            },
            {"z = ours[point.name].clone()": "z = theirs[point.name].clone()"},
        ],
        "Is a number of heads fixed? There may be more, or none.": [
            {SORTED: SORTED + "[:1]"},
            {SORTED: SORTED + "[:2]"},
            {SORTED: SORTED + "[:3]"},
        ],
        "Are layer and head exchanged? A head is (layer, head).": {
            "effect[layer, head] =": "effect[head, layer] ="
        },
    },
)
