"""Answers to 5.6 and 5.9."""

from tests.grading.variants import Right, Wrong


def both(name: str, answer: str, says: str) -> Wrong:
    """A mistake in both_ways."""
    return Wrong("5.6", name, body={"both_ways": answer}, says=says)


def resample(name: str, answer: str, says: str) -> Wrong:
    """A mistake in donors."""
    return Wrong("5.9", name, body={"donors": answer}, says=says)


RUNS = """into_corrupted = {"other": record(model, clean, sites)}
into_clean = {"other": record(model, corrupted, sites)}
"""
SWEEPS = """denoised = patch_sweep(model, corrupted, versions, read, into_corrupted)
noised = patch_sweep(model, clean, versions, read, into_clean)
"""
GIVE = "return BothWays(denoised, noised, *ends)"

WRONG = [
    both(
        "denoise and noise exchanged",
        RUNS + SWEEPS + "return BothWays(noised, denoised, *ends)",
        "Denoised and noised are exchanged",
    ),
    both(
        "exchanged by the texts",
        RUNS
        + "denoised = patch_sweep(model, clean, versions, read, into_clean)\n"
        + "noised = patch_sweep(model, corrupted, versions, read, into_corrupted)\n"
        + GIVE,
        "Denoised and noised are exchanged",
    ),
    both(
        "patched from itself",
        RUNS.replace("clean, sites", "corrupted, sites", 1).replace(
            'into_clean = {"other": record(model, corrupted',
            'into_clean = {"other": record(model, clean',
        )
        + SWEEPS
        + GIVE,
        "Nothing is changed: a run is patched from itself",
    ),
    both(
        "one recording for both",
        RUNS + SWEEPS.replace("into_clean)", "into_corrupted)") + GIVE,
        "Nothing is changed: a run is patched from itself",
    ),
    both(
        "every position",
        RUNS
        + "from dataclasses import replace\n"
        + "versions = [[Intervention.patch(replace(s, position=None), 'other')] for s in sites]\n"
        + SWEEPS
        + GIVE,
        "It is patched at EVERY position",
    ),
    both(
        "all sites together",
        RUNS
        + "versions = [sum(versions, [])]\n"
        + SWEEPS
        + "return BothWays(denoised.repeat(len(sites), 1), noised.repeat(len(sites), 1), *ends)",
        "Denoised: each site of the corrupted run has what the clean run has there",
    ),
    both(
        "changes",
        RUNS + SWEEPS + "return BothWays(denoised - ends[1], noised - ends[0], *ends)",
        "The unpatched run is taken away",
    ),
    both(
        "shares",
        RUNS
        + SWEEPS
        + "way = ends[0] - ends[1]\n"
        + "return BothWays((denoised - ends[1]) / way, (ends[0] - noised) / way, *ends)",
        "These are shares of the way",
    ),
    both(
        "ends exchanged",
        RUNS + SWEEPS + "return BothWays(denoised, noised, ends[1], ends[0])",
        "Clean and corrupted are exchanged",
    ),
    both(
        "average over prompts",
        RUNS
        + SWEEPS
        + "denoised, noised = (x.mean(1, keepdim=True).expand_as(x) for x in (denoised, noised))\n"
        + GIVE,
        "The average over prompts came",
    ),
    both(
        "means instead of the other run",
        RUNS + "versions = [[Intervention.mean(s, 'other')] for s in sites]\n" + SWEEPS + GIVE,
        "Denoised: each site of the corrupted run has what the clean run has there",
    ),
    both(
        "zero instead of the other run",
        RUNS + "versions = [[Intervention.zero(s)] for s in sites]\n" + SWEEPS + GIVE,
        "the run must be the other one",
    ),
    both(
        "denoised twice",
        RUNS + SWEEPS + "return BothWays(denoised, denoised, *ends)",
        "Denoised and noised are exchanged",
    ),
    resample(
        "fixed points",
        "return torch.randperm(batch, generator=generator)",
        "keeps its own activation: it is not ablated",
    ),
    resample(
        "anybody",
        "return torch.randint(batch, (batch,), generator=generator)",
        "keeps its own activation: it is not ablated",
    ),
    resample(
        "any other, some of them twice",
        "step = torch.randint(1, batch, (batch,), generator=generator)\n"
        "return (torch.arange(batch) + step) % batch",
        "must be all of them, each once",
    ),
    resample("next one", "return torch.arange(batch).roll(1)", "All seeds give the same donors"),
    resample(
        "a random shift",
        "step = torch.randint(1, batch, (1,), generator=generator)\n"
        "return torch.arange(batch).roll(int(step))",
        "a shift by a random number keeps",
    ),
    resample(
        "order shifted, not followed",
        "return torch.randperm(batch, generator=generator).roll(1)",
        "keeps its own activation",
    ),
    resample(
        "no generator",
        "order = torch.randperm(batch)\nfound = torch.empty(batch, dtype=torch.long)\n"
        "found[order] = order.roll(1)\nreturn found",
        "One seed must give one draw",
    ),
    resample(
        "a seed of its own",
        "generator = torch.Generator().manual_seed(0)\n"
        "order = torch.randperm(batch, generator=generator)\n"
        "return order.roll(1)[order.argsort()]",
        "All seeds give the same donors",
    ),
    resample(
        "the generator's seed alone",
        "torch.manual_seed(generator.initial_seed())\n"
        "order = torch.randperm(batch)\n"
        "return order.roll(1)[order.argsort()]",
        "it must move on",
    ),
    resample(
        "swapped with a neighbour",
        "found = torch.randperm(batch, generator=generator)\n"
        "for i in range(batch):\n"
        "    if found[i] == i:\n"
        "        found[i] = (i + 1) % batch\n"
        "return found",
        "must be all of them, each once",
    ),
]

RIGHT = [
    Right(
        "5.6",
        "one site after the other",
        body={
            "both_ways": RUNS
            + """
            denoised, noised = (
                torch.cat([patch_sweep(model, into, [one], read, runs) for one in versions])
                for into, runs in ((corrupted, into_corrupted), (clean, into_clean))
            )
            return BothWays(denoised, noised, *ends)
            """.replace("\n            ", "\n")
        },
    ),
    Right(
        "5.6",
        "names of its own",
        body={
            "both_ways": """
            sides = {"clean": clean, "corrupted": corrupted}
            runs = {name: record(model, tokens, sites) for name, tokens in sides.items()}

            def sweep(tokens, name):
                changes = [[Intervention.patch(site, name)] for site in sites]
                return patch_sweep(model, tokens, changes, read, runs)

            return BothWays(sweep(corrupted, "clean"), sweep(clean, "corrupted"), *ends)
            """
        },
    ),
    Right(
        "5.9",
        "drawn until nobody is at home",
        body={
            "donors": """
            while True:
                found = torch.randperm(batch, generator=generator)
                if (found != torch.arange(batch)).all():
                    return found
            """
        },
    ),
    Right(
        "5.9",
        "round a random circle",
        body={
            "donors": "order = torch.randperm(batch, generator=generator)\n"
            "return order[(order.argsort() + 1) % batch]"
        },
    ),
]
