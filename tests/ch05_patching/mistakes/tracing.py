"""Mistakes in causal tracing (5.11), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

HOOKED = """
here = position_sets[:, None, None, :, None]
resid = corrupted_resid.repeat(n_sets, 1, 1, 1).flatten(0, 1)

def restore(x, point):
    apart = x.unflatten(0, (n_sets, n_samples, batch))
    return torch.where(here, clean[point.name], apart).flatten(0, 2)

with model.hooks(dict.fromkeys(clean, restore)):
    logits = model.unembed_resid(model.run_blocks(resid))[:, -1]
apart = logits.unflatten(0, (n_sets, n_samples, batch))
return probability(apart, answers).mean(dim=1)
"""
LOOP = """
found = []
for positions in position_sets:
    def restore(x, point, positions=positions):
        x = x.reshape(n_samples, batch, *x.shape[1:])
        x[:, :, positions] = clean[point.name][:, positions]
        return x.flatten(0, 1)

    with model.hooks({name: restore for name in clean}):
        logits = model.unembed_resid(model.run_blocks(corrupted_resid.flatten(0, 1)))[:, -1]
    own = logits.softmax(-1)[torch.arange(len(logits)), answers.repeat(n_samples)]
    found.append(own.reshape(n_samples, batch).mean(0))
return torch.stack(found)
"""
RESID = "corrupted_resid.repeat(n_sets, 1, 1, 1)"
MEAN = "return probability(apart, answers).mean(dim=1)"

RESTORED = mistakes(
    "5.11",
    "run_with_restored",
    {
        "Are states restored where `position_sets` is False?": {
            "where(here, clean": "where(~here, clean"
        },
        "Are states restored at all positions?": {
            "torch.where(here, clean[point.name], apart)": "(0 * apart + clean[point.name])"
        },
        "Are clean states repeated one by one? The rows are [set, sample, prompt].": {
            "torch.where(here, clean[point.name], apart)": (
                "torch.where(here, clean[point.name].repeat_interleave(n_sets * n_samples, dim=0)"
                ".reshape(apart.shape), apart)"
            )
        },
        "Are position sets repeated as a whole? The rows of a set come one after the other.": {
            "here = position_sets[:, None, None, :, None]": (
                "here = position_sets.repeat(n_samples * batch, 1)"
                ".reshape(n_sets, n_samples, batch, -1, 1)"
            )
        },
        "Is the noise repeated one by one? The rows are [set, sample, prompt].": {
            RESID: "corrupted_resid.repeat_interleave(n_sets, dim=0)"
        },
        "Is nothing restored? This is the corrupted run.": {"dict.fromkeys(clean, restore)": "{}"},
        "Does only the first sample count? Average over all of them.": [
            {MEAN: "return probability(apart, answers)[:, 0]"},
            {RESID: "corrupted_resid[:1].repeat(n_sets * n_samples, 1, 1, 1)"},
        ],
        "Does only the last sample count? Average over all of them.": {
            MEAN: "return probability(apart, answers)[:, -1]"
        },
        "Is this the sum over samples? Average them.": {"mean(dim=1)": "sum(dim=1)"},
        "Is the noise averaged before the run? Average the probability after it.": {
            RESID: "corrupted_resid.mean(0, keepdim=True).repeat(n_sets * n_samples, 1, 1, 1)"
        },
        "Are logits averaged over samples? Average probabilities.": {
            MEAN: "return probability(apart.mean(dim=1), answers)"
        },
        "Are these logits of the answers? Return probabilities.": {
            MEAN: "return apart[:, :, torch.arange(batch), answers].mean(dim=1)"
        },
        "Are these log-probabilities? Return probabilities.": {
            "answers).mean": "answers).log().mean"
        },
        "Is the first position read? The last one predicts the answer.": {"[:, -1]": "[:, 0]"},
        "Do all prompts use the first one's answer?": {"answers)": "answers[:1].expand(batch))"},
        "Is this the probability of the most likely token? Take the answer's.": {
            MEAN: "return apart.softmax(-1).amax(-1).mean(dim=1)"
        },
        "Is the last hook's state restored at all hooks? Use point.name.": {
            "clean[point.name]": "list(clean.values())[-1]"
        },
        "Is only the first of the hooks restored?": {
            "dict.fromkeys(clean, restore)": "dict.fromkeys(list(clean)[:1], restore)"
        },
        "Is only the last of the hooks restored?": {
            "dict.fromkeys(clean, restore)": "dict.fromkeys(list(clean)[-1:], restore)"
        },
    },
    unnamed={"Is there a loop left?": LOOP},
    base=HOOKED,
)
INDIRECT = mistakes(
    "5.11",
    "indirect_effect",
    {
        "Is this measured from the clean run? Subtract the corrupted probability.": (
            "return trace.clean - trace.restored"
        ),
        "Is this restored minus clean? Subtract the corrupted probability.": (
            "return trace.restored - trace.clean"
        ),
        "Is the sign flipped? It is restored minus corrupted.": (
            "return trace.corrupted - trace.restored"
        ),
        "Is this the restored probability alone? Subtract the corrupted one.": (
            "return trace.restored.clone()"
        ),
        "Is this a share of the total effect? An effect is a difference.": (
            "return (trace.restored - trace.corrupted) / (trace.clean - trace.corrupted)"
        ),
        "Is this the mean over prompts? Each has its own effect.": (
            "return (trace.restored - trace.corrupted).mean(-1, keepdim=True).expand_as("
            "trace.restored)"
        ),
    },
)
TOTAL = mistakes(
    "5.11",
    "total_effect",
    {
        "Is the sign of the total effect flipped? It is clean minus corrupted.": (
            "return trace.corrupted - trace.clean"
        ),
        "Is the total effect a share? It is a difference.": (
            "return 1 - trace.corrupted / trace.clean"
        ),
    },
)
WINDOW = mistakes(
    "5.11",
    "window",
    {
        "Is the window not cut at the ends of the model?": (
            "first = layer - width // 2\nreturn range(first, first + width)"
        ),
        "Is the window one layer too long? It has `width` layers.": {
            "first + width)": "first + 2 * (width // 2) + 1)"
        },
        "Does the window begin at the layer? The layer is in the middle.": {
            "layer - width // 2": "layer"
        },
        "Does the window end one layer early?": {"first + width)": "first + width - 1)"},
        "Of an even width, is one more layer after the layer? It is before it.": {
            "layer - width // 2": "layer - (width - 1) // 2"
        },
        "Is the window shifted at the ends, to keep its width? Cut it.": {
            "layer - width // 2": "min(max(0, layer - width // 2), max(0, n_layers - width))"
        },
    },
)
RIGHT = right_answers(
    "5.11",
    "run_with_restored",
    {
        "with hooks": HOOKED,
        "repeated rows and an index": {
            "window": """
            return range(n_layers)[max(0, layer - width // 2) : layer + (width + 1) // 2]
            """,
            "run_with_restored": """
            rows = position_sets.repeat_interleave(n_samples * batch, dim=0)
            stream = corrupted_resid.repeat(n_sets, 1, 1, 1)
            stream = stream.reshape(len(rows), *corrupted_resid.shape[2:])

            def hook(x, point):
                state = clean[point.name].repeat(n_sets * n_samples, 1, 1)
                x[rows] = state[rows]

            with model.hooks({name: hook for name in clean}):
                last = model.unembed_resid(model.run_blocks(stream)[:, -1:])[:, 0]
            own = answers.repeat(n_sets * n_samples)
            found = last.softmax(dim=-1).gather(1, own[:, None])
            return found.reshape(n_sets, n_samples, batch).mean(dim=1)
            """,
            "total_effect": "return -(trace.corrupted - trace.clean)",
            "indirect_effect": "return trace.restored.sub(trace.corrupted[None, None])",
        },
    },
)
