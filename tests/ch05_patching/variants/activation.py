"""Answers to 5.6 and 5.9."""

from tests.grading.variants import Right, Wrong


def both(name: str, answer: str, says: str) -> Wrong:
    """A mistake in denoise_and_noise."""
    return Wrong("5.6", name, body={"denoise_and_noise": answer}, says=says)


def resample(name: str, answer: str, says: str) -> Wrong:
    """A mistake in derangement."""
    return Wrong("5.9", name, body={"derangement": answer}, says=says)


RUNS = """clean_run = {"other": cache_sites(model, clean, sites)}
corrupted_run = {"other": cache_sites(model, corrupted, sites)}
"""
SWEEPS = """denoised = patch_sweep(model, corrupted, patches, metric, clean_run)
noised = patch_sweep(model, clean, patches, metric, corrupted_run)
"""
GIVE = "return PatchingResult(denoised, noised, clean_scores, corrupted_scores)"

WRONG = [
    both(
        "denoise and noise exchanged",
        RUNS + SWEEPS + "return PatchingResult(noised, denoised, clean_scores, corrupted_scores)",
        "Denoised and noised are exchanged",
    ),
    both(
        "exchanged by the texts",
        RUNS
        + "denoised = patch_sweep(model, clean, patches, metric, corrupted_run)\n"
        + "noised = patch_sweep(model, corrupted, patches, metric, clean_run)\n"
        + GIVE,
        "Denoised and noised are exchanged",
    ),
    both(
        "patched from itself",
        RUNS.replace("clean, sites", "corrupted, sites", 1).replace(
            'corrupted_run = {"other": cache_sites(model, corrupted',
            'corrupted_run = {"other": cache_sites(model, clean',
        )
        + SWEEPS
        + GIVE,
        "Nothing is changed: a run is patched from itself",
    ),
    both(
        "one recording for both",
        RUNS + SWEEPS.replace("corrupted_run)", "clean_run)") + GIVE,
        "Nothing is changed: a run is patched from itself",
    ),
    both(
        "every position",
        RUNS
        + "from dataclasses import replace\n"
        + "patches = [[Intervention.patch(replace(s, position=None), 'other')] for s in sites]\n"
        + SWEEPS
        + GIVE,
        "It is patched at EVERY position",
    ),
    both(
        "all sites together",
        RUNS
        + "patches = [sum(patches, [])]\n"
        + SWEEPS
        + "return PatchingResult(denoised.repeat(len(sites), 1), noised.repeat(len(sites), 1), clean_scores, corrupted_scores)",
        "Denoised: each site of the corrupted run has what the clean run has there",
    ),
    both(
        "changes",
        RUNS
        + SWEEPS
        + "return PatchingResult(denoised - corrupted_scores, noised - clean_scores, clean_scores, corrupted_scores)",
        "The unpatched run is taken away",
    ),
    both(
        "shares",
        RUNS
        + SWEEPS
        + "way = clean_scores - corrupted_scores\n"
        + "return PatchingResult((denoised - corrupted_scores) / way, (clean_scores - noised) / way, clean_scores, corrupted_scores)",
        "These are shares of the way",
    ),
    both(
        "ends exchanged",
        RUNS + SWEEPS + "return PatchingResult(denoised, noised, corrupted_scores, clean_scores)",
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
        RUNS + "patches = [[Intervention.mean(s, 'other')] for s in sites]\n" + SWEEPS + GIVE,
        "Denoised: each site of the corrupted run has what the clean run has there",
    ),
    both(
        "zero instead of the other run",
        RUNS + "patches = [[Intervention.zero(s)] for s in sites]\n" + SWEEPS + GIVE,
        "the run must be the other one",
    ),
    both(
        "denoised twice",
        RUNS + SWEEPS + "return PatchingResult(denoised, denoised, clean_scores, corrupted_scores)",
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
            "denoise_and_noise": RUNS
            + """
            denoised, noised = (
                torch.cat([patch_sweep(model, into, [one], metric, runs) for one in patches])
                for into, runs in ((corrupted, clean_run), (clean, corrupted_run))
            )
            return PatchingResult(denoised, noised, clean_scores, corrupted_scores)
            """.replace("\n            ", "\n")
        },
    ),
    Right(
        "5.6",
        "names of its own",
        body={
            "denoise_and_noise": """
            sides = {"clean": clean, "corrupted": corrupted}
            runs = {name: cache_sites(model, tokens, sites) for name, tokens in sides.items()}

            def sweep(tokens, name):
                changes = [[Intervention.patch(site, name)] for site in sites]
                return patch_sweep(model, tokens, changes, metric, runs)

            return PatchingResult(sweep(corrupted, "clean"), sweep(clean, "corrupted"), clean_scores, corrupted_scores)
            """
        },
    ),
    Right(
        "5.9",
        "drawn until nobody is at home",
        body={
            "derangement": """
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
            "derangement": "order = torch.randperm(batch, generator=generator)\n"
            "return order[(order.argsort() + 1) % batch]"
        },
    ),
]
