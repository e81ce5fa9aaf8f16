"""Mistakes in both directions of patching (5.6) and in derangements (5.9), and right answers."""

from tests.grading.mistakes import mistakes, right_answers

RUNS = (
    'clean_run = {"other": cache_sites(model, clean, sites)}\n'
    'corrupted_run = {"other": cache_sites(model, corrupted, sites)}\n'
)
SWEEPS = (
    "denoised = patch_sweep(model, corrupted, patches, metric, clean_run)\n"
    "noised = patch_sweep(model, clean, patches, metric, corrupted_run)\n"
)
EXCHANGED = (
    "denoised = patch_sweep(model, clean, patches, metric, corrupted_run)\n"
    "noised = patch_sweep(model, corrupted, patches, metric, clean_run)\n"
)
RESULT = "return PatchingResult({}, {}, clean_scores, corrupted_scores)"
RETURN = RESULT.format("denoised", "noised")
FROM_ITSELF = (
    'clean_run = {"other": cache_sites(model, corrupted, sites)}\n'
    'corrupted_run = {"other": cache_sites(model, clean, sites)}\n'
)
ORDER = "order = torch.randperm(batch, generator=generator)\n"

DIRECTIONS = mistakes(
    "5.6",
    "denoise_and_noise",
    {
        "Are denoised and noised exchanged? Denoised is the corrupted run, patched from clean.": (
            RUNS + SWEEPS + RESULT.format("noised", "denoised")
        ),
        "Is each run patched from itself? Cache the other run.": [
            FROM_ITSELF + SWEEPS + RETURN,
            FROM_ITSELF + EXCHANGED + RETURN,
        ],
        "Is the corrupted run patched from itself? Denoised needs the clean run.": (
            RUNS + SWEEPS.replace("clean_run)", "corrupted_run)", 1) + RETURN
        ),
        "Is the clean run patched from itself? Noised needs the corrupted run.": (
            RUNS + SWEEPS.replace("corrupted_run)", "clean_run)") + RETURN
        ),
        "Is one direction computed from the other? That is right for linear effects alone.": [
            RUNS + SWEEPS + "noised = clean_scores + corrupted_scores - denoised\n" + RETURN,
            RUNS + SWEEPS + "denoised = clean_scores + corrupted_scores - noised\n" + RETURN,
        ],
        "Is every position patched, not those of the sites alone?": (
            "from dataclasses import replace\n"
            "patches = [[Intervention.patch(replace(s, position=None), 'other')] for s in sites]\n"
            + RUNS
            + SWEEPS
            + RETURN
        ),
        "Are all sites patched together? Patch each on its own.": [
            "patches = [sum(patches, [])]\n" + RUNS + SWEEPS + result
            for result in (
                RESULT.format("denoised.repeat(len(sites), 1)", "noised.repeat(len(sites), 1)"),
                RETURN,
            )
        ],
        "Is the unpatched run subtracted? Return the metric itself.": [
            RUNS + SWEEPS + RESULT.format("denoised - corrupted_scores", "noised - clean_scores"),
            RUNS + SWEEPS + RESULT.format("denoised - corrupted_scores", "clean_scores - noised"),
            RUNS + SWEEPS + RESULT.format("denoised - clean_scores", "noised - corrupted_scores"),
        ],
        "Are these normalized shares? Return the metric itself.": [
            RUNS
            + SWEEPS
            + "gap = clean_scores - corrupted_scores\n"
            + RESULT.format("(denoised - corrupted_scores) / gap", noised)
            for noised in ("(clean_scores - noised) / gap", "(noised - corrupted_scores) / gap")
        ],
        "Are the clean and corrupted scores exchanged?": (
            RUNS
            + SWEEPS
            + "return PatchingResult(denoised, noised, corrupted_scores, clean_scores)"
        ),
        "Are these means over prompts? Each prompt has its own score.": [
            RUNS
            + SWEEPS
            + "denoised = denoised.mean(1, keepdim=True).expand_as(denoised)\n"
            + "noised = noised.mean(1, keepdim=True).expand_as(noised)\n"
            + RETURN,
            RUNS + SWEEPS + RESULT.format("denoised.mean(-1)", "noised.mean(-1)"),
            RUNS
            + SWEEPS
            + "return PatchingResult(denoised.mean(-1), noised.mean(-1), clean_scores.mean(), "
            "corrupted_scores.mean())",
        ],
        "Is the other run's mean patched in? Patch example by example.": (
            RUNS + "patches = [[Intervention.mean(s, 'other')] for s in sites]\n" + SWEEPS + RETURN
        ),
        "Are the sites set to zero? Patch in the other run.": (
            RUNS + "patches = [[Intervention.zero(s)] for s in sites]\n" + SWEEPS + RETURN
        ),
        "Are the sites of the clean run set to zero? Patch in the corrupted run.": (
            RUNS
            + SWEEPS.replace("\n", "\npatches = [[Intervention.zero(s)] for s in sites]\n", 1)
            + RETURN
        ),
        "Are both results the denoised one?": (
            RUNS + SWEEPS + RESULT.format("denoised", "denoised")
        ),
        "Are both results the noised one?": RUNS + SWEEPS + RESULT.format("noised", "noised"),
        "Are the axes exchanged? Sites come first, then prompts.": (
            RUNS + SWEEPS + RESULT.format("denoised.T", "noised.T")
        ),
        "Are the results in another order? They are denoised, noised, clean, corrupted.": [
            RUNS
            + SWEEPS
            + "return PatchingResult(clean_scores, corrupted_scores, denoised, noised)",
            RUNS
            + SWEEPS
            + "return PatchingResult(corrupted_scores, clean_scores, denoised, noised)",
        ],
        "Is the run's name missing? `runs` has the form {'other': cache_sites(...)}.": [
            RUNS.replace('{"other": ', "").replace(")}", ")") + SWEEPS + RETURN,
            RUNS.replace('"other"', '"clean"', 1).replace('"other"', '"corrupted"')
            + SWEEPS
            + RETURN,
            RUNS + SWEEPS.replace(", clean_run", "").replace(", corrupted_run", "") + RETURN,
        ],
        "Are the sites before it patched too? Patch each on its own.": (
            "patches = [sum(patches[: i + 1], []) for i in range(len(patches))]\n"
            + RUNS
            + SWEEPS
            + RETURN
        ),
        "Is the first site patched in every run? Each run has its own site.": (
            "patches = patches[:1] * len(patches)\n" + RUNS + SWEEPS + RETURN
        ),
        "Do all prompts get the first one's activation? Each has its own.": (
            RUNS.replace("model, clean, ", "model, clean[:1].expand_as(clean), ").replace(
                "model, corrupted, ", "model, corrupted[:1].expand_as(corrupted), "
            )
            + SWEEPS
            + RETURN
        ),
        "Is every site patched at the last position? Each site has its own positions.": (
            "from dataclasses import replace\n"
            "patches = [[Intervention.patch(replace(s, position=-1), 'other')] for s in sites]\n"
            + RUNS
            + SWEEPS
            + RETURN
        ),
        "Are the sites in reverse order?": (
            RUNS + SWEEPS + RESULT.format("denoised.flip(0)", "noised.flip(0)")
        ),
    },
)
DERANGEMENT = mistakes(
    "5.9",
    "derangement",
    {
        "This is a plain random permutation, which often has fixed points.": [
            "return torch.randperm(batch, generator=generator)",
            "return torch.randperm(batch, generator=generator).argsort()",
            "return torch.rand(batch, generator=generator).argsort()",
        ],
        "Is the order shifted once if it has fixed points? Then it may have others.": (
            ORDER + "if (order == torch.arange(batch)).any():\n    order = order.roll(1)\n"
            "return order"
        ),
        "Is each fixed point exchanged with the next entry, and a last one left?": (
            ORDER + "for i in range(batch - 1):\n    if order[i] == i:\n"
            "        order[[i, i + 1]] = order[[i + 1, i]]\nreturn order"
        ),
        "Is the circle shifted by two? Of two examples, each keeps its own activation.": (
            ORDER + "source = torch.empty_like(order)\nsource[order] = order.roll(2)\nreturn source"
        ),
        "Is each source drawn on its own? Some are drawn twice, some not at all.": [
            "return torch.randint(batch, (batch,), generator=generator)",
            "step = torch.randint(1, batch, (batch,), generator=generator)\n"
            "return (torch.arange(batch) + step) % batch",
        ],
        "Is the source always the next example? Draw it.": "return torch.arange(batch).roll(1)",
        "Is this a shift by a random number? All examples stay in line.": (
            "step = torch.randint(1, batch, (1,), generator=generator)\n"
            "return torch.arange(batch).roll(int(step))"
        ),
        "Is the order shifted, but not followed? Use source[order] = order.roll(1).": (
            ORDER + "return order.roll(1)"
        ),
        "Is the shifted order indexed by the order? Use source[order] = order.roll(1).": [
            ORDER + "return order.roll(1)[order]",
            ORDER + "return order[order.roll(1)]",
        ],
        "Is the order shifted by its own entries? Use source[order] = order.roll(1).": [
            ORDER + "return order[(order + 1) % batch]",
            ORDER + "return (order + 1) % batch",
        ],
        "Are the examples exchanged in pairs? With an odd number one is left over.": (
            ORDER + "source = order.clone()\nhalf = batch // 2\n"
            "source[order[:half]], source[order[half : 2 * half]] = "
            "order[half : 2 * half], order[:half]\n"
            "source[order[2 * half :]] = order[2 * half :]\nreturn source"
        ),
        "Is the order reversed? With an odd number the middle one is a fixed point.": [
            "return torch.arange(batch).flip(0)",
            ORDER
            + "source = torch.empty_like(order)\nsource[order] = order.flip(0)\nreturn source",
        ],
        "Are fixed points left out? Every example needs a source.": (
            ORDER + "return order[order != torch.arange(batch)]"
        ),
        "Does drawing stop after some tries? A fixed point may be left.": [
            f"for _ in range({n}):\n    order = torch.randperm(batch, generator=generator)\n"
            "    if (order != torch.arange(batch)).all():\n        break\nreturn order"
            for n in (2, 10)
        ],
        "Are the numbers floats? Sources are indices, whole numbers.": (
            ORDER + "source = torch.empty(batch)\nsource[order] = order.roll(1).float()\n"
            "return source"
        ),
        "Is the generator not used?": [
            ORDER.replace(", generator=generator", "") + "return order.roll(1)[order.argsort()]",
            "while True:\n    order = torch.randperm(batch)\n"
            "    if (order != torch.arange(batch)).all():\n        return order",
            "import random\norder = torch.tensor(random.sample(range(batch), batch))\n"
            "return order.roll(1)[order.argsort()]",
        ],
        "Is the generator replaced by one with a fixed seed?": (
            "generator = torch.Generator().manual_seed(0)\n"
            + ORDER
            + "return order.roll(1)[order.argsort()]"
        ),
        "Is only the generator's seed used? Draw from the generator, so that it moves on.": (
            "torch.manual_seed(generator.initial_seed())\n"
            + ORDER.replace(", generator=generator", "")
            + "return order.roll(1)[order.argsort()]"
        ),
        "Are fixed points replaced by their neighbor? Then some are drawn twice.": (
            "found = torch.randperm(batch, generator=generator)\n"
            "for i in range(batch):\n"
            "    if found[i] == i:\n"
            "        found[i] = (i + 1) % batch\n"
            "return found"
        ),
    },
)
RIGHT_DIRECTIONS = right_answers(
    "5.6",
    "denoise_and_noise",
    {
        "one site after the other": RUNS + "denoised, noised = (\n"
        "    torch.cat([patch_sweep(model, into, [one], metric, runs) for one in patches])\n"
        "    for into, runs in ((corrupted, clean_run), (clean, corrupted_run))\n"
        ")\n" + RETURN,
        "names of its own": """
            sides = {"clean": clean, "corrupted": corrupted}
            runs = {name: cache_sites(model, tokens, sites) for name, tokens in sides.items()}

            def sweep(tokens, name):
                changes = [[Intervention.patch(site, name)] for site in sites]
                return patch_sweep(model, tokens, changes, metric, runs)

            both = sweep(corrupted, "clean"), sweep(clean, "corrupted")
            return PatchingResult(*both, clean_scores, corrupted_scores)
            """,
    },
)
RIGHT_DERANGEMENT = right_answers(
    "5.9",
    "derangement",
    {
        "drawn until there is no fixed point": """
            while True:
                found = torch.randperm(batch, generator=generator)
                if (found != torch.arange(batch)).all():
                    return found
            """,
        "round a random circle": ORDER + "return order[(order.argsort() + 1) % batch]",
    },
)
