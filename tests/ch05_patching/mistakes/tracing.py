"""Mistakes in restored runs (5.11), and right answers written another way."""

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
HERE_ELSE = "torch.where(here, clean[point.name], apart)"
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
        "Is the clean state added to the noisy one? It replaces it.": [
            {HERE_ELSE: "(apart + here * clean[point.name])"},
            {HERE_ELSE: "torch.where(here, apart + clean[point.name], apart)"},
        ],
        "Are scales exchanged? Multiply by 0 at restored positions, and by 1 elsewhere.": {
            HERE_ELSE: "(here * (apart + clean[point.name]))"
        },
        "Is the clean state added at all positions? Add it at restored ones.": {
            HERE_ELSE: "torch.where(here, clean[point.name], apart + clean[point.name])"
        },
        "Are log-probabilities averaged over samples? Average probabilities.": {
            MEAN: "return probability(apart, answers).log().mean(dim=1).exp()"
        },
        "Is this the probability of all other tokens? Take the answer's.": {
            MEAN: MEAN.replace("return ", "return 1 - ")
        },
        "Is this the largest probability of the samples? Average them.": {
            "mean(dim=1)": "amax(dim=1)"
        },
        "Are all other positions set to zero? They keep the noisy state.": {
            HERE_ELSE: "(0 * apart + here * clean[point.name])"
        },
        "Are restored positions set to zero? They get the clean state.": {
            HERE_ELSE: "torch.where(here, 0.0, apart)"
        },
        "Do all sets restore the first one's positions?": {
            "here = position_sets[": "here = position_sets[:1]["
        },
        "Are all sets restored together in each run? Each set has a run of its own.": {
            "here = position_sets[": "here = position_sets.any(0, keepdim=True)["
        },
        "Do all prompts get the first one's clean state?": {
            "clean[point.name], apart": "clean[point.name][:1], apart"
        },
        "Are clean states averaged over prompts? Each prompt has its own.": {
            "clean[point.name], apart": "clean[point.name].mean(0), apart"
        },
        "Is the first of the clean states restored at all hooks? Use point.name.": {
            "clean[point.name]": "list(clean.values())[0]"
        },
        "Is the mean taken over sets or prompts? Average over samples.": [
            {"mean(dim=1)": "mean(dim=0)"},
            {"mean(dim=1)": "mean(dim=2)"},
            {"mean(dim=1)": "mean(dim=(1, 2))"},
            {"mean(dim=1)": "mean()"},
            {"mean(dim=1)": "mean(dim=-1)"},
        ],
        "Is the mean over samples missing?": {".mean(dim=1)": ""},
        "Are samples and sets exchanged when the rows are split? They are [set, sample, prompt].": {
            "apart = logits.unflatten(0, (n_sets, n_samples, batch))": (
                "apart = logits.unflatten(0, (n_samples, n_sets, batch)).transpose(0, 1)"
            )
        },
        "Are samples and prompts exchanged when the rows are split?": {
            "apart = logits.unflatten(0, (n_sets, n_samples, batch))": (
                "apart = logits.unflatten(0, (n_sets, batch, n_samples)).transpose(1, 2)"
            )
        },
        "Is the final norm left out? Use model.unembed_resid.": {
            "model.unembed_resid(": "model.unembed("
        },
        "Is the first prompt's probability returned for all prompts?": {
            MEAN: MEAN + "[:, :1].expand(-1, batch)"
        },
        "Is this whether the answer is the most likely token? Return its probability.": {
            MEAN: "return (apart.argmax(-1) == answers).to(logits).mean(dim=1)"
        },
        "Are probabilities of all positions averaged? The last one predicts the answer.": {
            "[:, -1]\napart": ".softmax(-1).mean(1).log()\napart"
        },
        "Is the position before the last read? The last one predicts the answer.": {
            "[:, -1]": "[:, -2]"
        },
        "Is the clean run used where nothing is restored? It is the corrupted run.": {
            RESID: "corrupted_resid.repeat(n_sets, 1, 1, 1) * 0 + next(iter(clean.values()), 0)"
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
