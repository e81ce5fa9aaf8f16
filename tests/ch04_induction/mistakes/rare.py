"""Mistakes of chapter 4 that few people make: other quantities, other means, other sizes."""

from tests.grading.mistakes import mistakes

TEXT = "text = pattern[:, :, n_bos:, n_bos:]\n"
ROWS = TEXT + "rows = text.diagonal(-1, dim1=2, dim2=3)\n"
CALL = "attention_to_offset(pattern, period, n_bos, shift={})"
EARLY, LATE = "losses[:, early].mean()", "losses[:, late].mean()"
QUERIES = "spent[:, :, period:].mean(dim=(0, 2))"
SIZE, LAST = "(own.abs() + others.abs().sum(dim=-1))", "score.mean(dim=(0, 1))"
SCORES = [
    *mistakes(
        "4.1",
        "previous_token_score",
        {
            "Does the first token look at the token before the text? It has none.": (
                "query = torch.arange(n_bos, pattern.shape[-1])\n"
                "return pattern[:, :, query, query - 1].mean(dim=(0, 2))"
            ),
            "Is it a mean over heads, for each text? Average over texts and queries.": (
                ROWS + "return rows.mean(dim=(1, 2))"
            ),
            "Does each query have a score of its own? Average over queries too.": (
                ROWS + "return rows.mean(dim=0)"
            ),
            "Is it divided by the number of all tokens? Divide by that of the queries.": (
                ROWS + "return rows.sum(dim=(0, 2)) / len(text) / pattern.shape[-1]"
            ),
        },
    ),
    *mistakes(
        "4.2",
        "duplicate_token_score",
        {
            "This is attention to the token itself. Earlier copies are asked.": (
                TEXT + "return text.diagonal(0, dim1=2, dim2=3).mean(dim=(0, 2))"
            ),
            "Is it divided by the number of earlier repeats? Their attention is summed.": (
                f"return {CALL.format(0)} / ((pattern.shape[-1] - n_bos) // period - 1)"
            ),
            "Are the start tokens added to the period?": (
                f"return {CALL.format(0)}".replace("period", "period + n_bos")
            ),
        },
    ),
    *mistakes(
        "4.3",
        "prefix_matching_score",
        {
            "Is it averaged with the attention to the copies themselves?": (
                f"return ({CALL.format(0)} + {CALL.format(1)}) / 2"
            ),
            "Is the attention to the copies themselves subtracted?": (
                f"return {CALL.format(1)} - {CALL.format(0)}"
            ),
            "Is the shift period - 1? The token after a copy is one further: 1.": (
                f"return {CALL.format('period - 1')}"
            ),
        },
    ),
    *mistakes(
        "4.3",
        "attention_to_offset",
        {
            "Is it a sum over texts and queries? Take the mean.": {
                QUERIES: QUERIES.replace("mean", "sum")
            },
            "Is it a mean over all keys? The attention to the targets is summed.": {
                "target.to(text)).sum(dim=-1)": "target.to(text)).mean(dim=-1)"
            },
            "Do only the two nearest repeats count? All earlier repeats count.": {
                "(back > 0)": "(back > 0) & (back <= 2 * period)"
            },
            "Do the start tokens count as queries? Cut them there too.": {
                "pattern[:, :, n_bos:, n_bos:]": "pattern[:, :, :, n_bos:]"
            },
        },
    ),
    *mistakes(
        "4.4",
        "in_context_score",
        {
            "Is all from `late` on compared with all before `early`? Use the two indices only.": (
                "return losses[:, late:].mean() - losses[:, :early].mean()"
            ),
            "Are ratios averaged over texts? Subtract the losses.": (
                "return (losses[:, late] / losses[:, early]).mean()"
            ),
            "Is only the last quarter compared with the first? Use the two indices only.": (
                "n = losses.shape[1] // 4\nreturn losses[:, -n:].mean() - losses[:, :n].mean()"
            ),
            "Are the differences squared?": (
                "return (losses[:, late] - losses[:, early]).square().mean()"
            ),
            "Is it a maximum over texts? Take the mean.": (
                "return losses[:, late].amax() - losses[:, early].amax()"
            ),
            "Are neighboring indices averaged in? Use the two indices only.": (
                "near = lambda i: losses[:, max(i - 1, 0) : i + 2].mean()\n"
                "return near(late) - near(early)"
            ),
            "Is it divided by the standard deviation over texts?": (
                "change = losses[:, late] - losses[:, early]\nreturn change.mean() / change.std()"
            ),
            "Are the losses before `early` compared with those up to `late`? Use two indices.": (
                "return losses[:, early:late].mean() - losses[:, :early].mean()"
            ),
        },
    ),
    *mistakes(
        "4.5",
        "copying_score_on_text",
        {
            "Is it a mean over keys and heads? Average over texts and keys.": {
                LAST: "score.mean(dim=(1, 2))"
            },
            "Is own missing in the denominator? Add its size.": {SIZE: "others.abs().sum(dim=-1)"},
            "Is the size of own taken in the numerator, and nothing subtracted?": {
                "(own - others.sum(dim=-1))": "own.abs()"
            },
        },
    ),
]
SHARE, WHOLE = "change[start, stop].item() / whole", "(values[-1] - values[0]).item()"
ABOVE, PATH = "(bands * centred).sum(dim=-1)", "U[:, :n_components] * S[:n_components]"
BEFORE = "torch.cat([keys[:, :1], keys[:, :-1]], dim=1)"
CURVES = [
    *mistakes(
        "4.6",
        "steepest_window",
        {
            "Are only neighboring snapshots compared, however far apart?": """
                changes = values.diff()
                best = int(changes.abs().argmax())
                whole = (values[-1] - values[0]).item()
                return Window(int(steps[best]), int(steps[best + 1]), changes[best].item() / whole)
                """,
            "Do only changes along the trend count? One against it counts too.": {
                "change.abs()": "(change * (values[-1] - values[0]).sign())"
            },
            "Is the change divided by the largest value? Divide by last minus first.": {
                WHOLE: "values.abs().max().item()"
            },
            "Is the share in percent? It is a ratio.": {SHARE: f"100 * {SHARE}"},
        },
    ),
    *mistakes(
        "4.7",
        "loss_slope",
        {
            "Is the covariance a mean and the variance a sum? Use the same for both.": {
                ABOVE: "(bands * centred).mean(dim=-1)"
            },
            "Is the covariance a sum and the variance a mean? Use the same for both.": [
                {"centred.square().sum(dim=-1)": "centred.var(dim=-1)"},
                {"centred.square().sum(dim=-1)": "centred.square().mean(dim=-1)"},
            ],
            "Is 1 / index used in place of its logarithm?": {
                ".to(mean).log()": ".to(mean).reciprocal()"
            },
            "Are the losses of a band in reverse order?": {
                "bands * centred": "bands.flip(-1) * centred"
            },
        },
    ),
    *mistakes(
        "4.8",
        "loss_pca",
        {
            "Is the first component left out? It is the largest.": {
                PATH: "U[:, 1 : n_components + 1] * S[1 : n_components + 1]"
            },
            "Are all components divided by the first singular value?": {PATH: f"{PATH} / S[0]"},
            "Does the path end at zero? Its mean is zero.": {
                "return path *": "path = path - path[-1]\nreturn path *"
            },
        },
    ),
    *mistakes(
        "4.9",
        "smear",
        {
            "Is it relu? The weight is sigmoid(alpha).": {".sigmoid()": ".relu()"},
            "Is it softplus? The weight is sigmoid(alpha).": {".sigmoid()": ".exp().log1p()"},
            "Is the key after mixed in, and zeros at the end? Use the key before.": {
                BEFORE: "torch.cat([keys[:, 1:], torch.zeros_like(keys[:, :1])], dim=1)"
            },
        },
    ),
]
CUT = "heads = list(site.head)\nz[:, :, heads] = {}"
HOLD = """_, cache = model.run_with_cache(tokens, names=names)
hooks |= {name: lambda _, point: cache[point.name] for name in names}
return model.run_with_hooks(tokens, hooks=hooks)"""
REMOVAL = [
    *mistakes(
        "4.10",
        "zero_at_site",
        {
            "Is z set to the mean of all heads? Set it to zero.": CUT.format("z.mean()"),
            "Is z set to a small number? Set it to zero.": [
                CUT.format("1e-3"),
                CUT.format("1e-6"),
            ],
            "Is the last position kept? Ablate all positions.": (
                "heads = list(site.head)\nz[:, :-1, heads] = 0.0"
            ),
        },
    ),
    *mistakes(
        "4.11",
        "pattern_preserving_ablation",
        {
            "Are probabilities returned? Return logits.": f"{HOLD}.softmax(-1)",
            "Are the heads' patterns in reverse order?": HOLD.replace(
                "cache[point.name]", "cache[point.name].flip(1)"
            ),
        },
    ),
]
