"""Answers to 5.11."""

from tests.grading.variants import Right, Wrong


HOOKED = """
here = position_sets[:, None, None, :, None]
resid = corrupted_resid.expand(n_sets, *corrupted_resid.shape).flatten(0, 2)

def put_back(x, point):
    apart = x.unflatten(0, (n_sets, n_samples, batch))
    return torch.where(here, clean[point.name], apart).flatten(0, 2)

with model.hooks(dict.fromkeys(clean, put_back)):
    logits = model.unembed_resid(model.run_blocks(resid))[:, -1]
probabilities = probability(logits.unflatten(0, (n_sets, n_samples, batch)), answers)
return probabilities.mean(dim=1)
"""


def put_back(name: str, replace: dict[str, str], says: str) -> Wrong:
    """A mistake in run_with_restored, written with hooks."""
    body = HOOKED
    for old, new in replace.items():
        assert body.count(old) == 1, (name, old)
        body = body.replace(old, new)
    return Wrong("5.11", name, body={"run_with_restored": body}, says=says)


def line(name: str, replace: dict[str, str], says: str) -> Wrong:
    """A mistake in the other lines of 5.11."""
    return Wrong("5.11", name, replace=replace, says=says)


WRONG = [
    put_back(
        "inverted",
        {"torch.where(here, clean": "torch.where(~here, clean"},
        "where `position_sets` is False",
    ),
    put_back(
        "at all positions",
        {"torch.where(here, clean[point.name], apart)": "(0 * apart + clean[point.name])"},
        "at ALL positions",
    ),
    put_back("nothing put back", {"dict.fromkeys(clean, put_back)": "{}"}, "Nothing is put back"),
    put_back(
        "a clean run",
        {
            "corrupted_resid.expand(n_sets, *corrupted_resid.shape)": "(0 * corrupted_resid + corrupted_resid[0]).expand("
            "n_sets, *corrupted_resid.shape)"
        },
        "Only the first sample counts",
    ),
    put_back("first sample", {"probabilities.mean(dim=1)": "probabilities[:, 0]"}, "first sample"),
    put_back("sum", {"probabilities.mean(dim=1)": "probabilities.sum(dim=1)"}, "are added up"),
    put_back(
        "noise averaged",
        {
            "corrupted_resid.expand(n_sets, *corrupted_resid.shape)": "corrupted_resid.mean(0, keepdim=True).expand("
            "n_sets, *corrupted_resid.shape)"
        },
        "The noise is averaged before the run",
    ),
    put_back(
        "logits averaged",
        {
            "probabilities = probability(": "logits = ",
            "logits.unflatten(0, (n_sets, n_samples, batch)), answers)": (
                "logits.unflatten(0, (n_sets, n_samples, batch)).mean(dim=1)"
            ),
            "return probabilities.mean(dim=1)": "return probability(logits, answers)",
        },
        "Logits are averaged over samples",
    ),
    put_back(
        "logits",
        {
            "probability(logits.unflatten(0, (n_sets, n_samples, batch)), answers)": (
                "logits.unflatten(0, (n_sets, n_samples, batch))"
                "[:, :, torch.arange(batch), answers]"
            )
        },
        "These are logits of the answers",
    ),
    put_back(
        "log-probabilities",
        {"probabilities.mean(dim=1)": "probabilities.log().mean(dim=1)"},
        "These are log-probabilities",
    ),
    put_back("first position", {"[:, -1]": "[:, 0]"}, "read at the first position"),
    put_back(
        "the first answer",
        {", answers)\n": ", answers[:1].expand(batch))\n"},
        "the first one's answer",
    ),
    put_back(
        "late binding",
        {"clean[point.name]": "list(clean.values())[-1]"},
        "The LAST hook's state is put back at all",
    ),
    put_back(
        "first hook only",
        {"dict.fromkeys(clean, put_back)": "dict.fromkeys(list(clean)[:1], put_back)"},
        "Only the first of the hooks is restored",
    ),
    line(
        "effect from the clean run",
        {"trace.restored - trace.corrupted": "trace.clean - trace.restored"},
        "measured from the CLEAN run",
    ),
    line(
        "effect of restored minus clean",
        {"trace.restored - trace.corrupted": "trace.restored - trace.clean"},
        "restored minus clean",
    ),
    line(
        "a share",
        {
            "trace.restored - trace.corrupted": (
                "(trace.restored - trace.corrupted) / (trace.clean - trace.corrupted)"
            )
        },
        "share of the total effect",
    ),
    line(
        "not compared", {"trace.restored - trace.corrupted": "trace.restored"}, "probability alone"
    ),
    line(
        "total turned",
        {"trace.clean - trace.corrupted": "trace.corrupted - trace.clean"},
        "The sign is turned: it is clean minus corrupted",
    ),
    line(
        "not cut",
        {"range(max(0, first), min(n_layers, first + width))": "range(first, first + width)"},
        "It is not cut at the ends",
    ),
    line("one too many", {"first + width)": "first + 2 * (width // 2) + 1)"}, "one layer too many"),
    line("begins there", {"layer - width // 2": "layer"}, "It begins at the layer"),
    line("one early", {"first + width)": "first + width - 1)"}, "It ends one layer early"),
    line(
        "the other side",
        {"layer - width // 2": "layer - (width - 1) // 2"},
        "lies BEFORE the layer",
    ),
    line(
        "shifted",
        {"layer - width // 2": "min(max(0, layer - width // 2), max(0, n_layers - width))"},
        "It is shifted at the ends",
    ),
]

LOOP = """
found = []
for place in position_sets:
    def put_back(x, point, place=place):
        x = x.reshape(n_samples, batch, *x.shape[1:])
        x[:, :, place] = clean[point.name][:, place]
        return x.flatten(0, 1)

    with model.hooks({name: put_back for name in clean}):
        logits = model.unembed_resid(model.run_blocks(corrupted_resid.flatten(0, 1)))[:, -1]
    own = logits.softmax(-1)[torch.arange(len(logits)), answers.repeat(n_samples)]
    found.append(own.reshape(n_samples, batch).mean(0))
return torch.stack(found)
"""
WRONG.append(
    Wrong(
        "5.11",
        "a loop over position sets",
        body={"run_with_restored": LOOP},
        says="Is there a loop",
    )
)

RIGHT = [
    Right("5.11", "with hooks", body={"run_with_restored": HOOKED}),
    Right(
        "5.11",
        "repeated rows and an index",
        body={
            "window": """
            return range(n_layers)[max(0, layer - width // 2) : layer + (width + 1) // 2]
            """,
            "run_with_restored": """
            rows = position_sets.repeat_interleave(n_samples * batch, dim=0)
            stream = corrupted_resid.repeat(n_sets, 1, 1, 1).reshape(len(rows), *corrupted_resid.shape[2:])

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
    ),
]
