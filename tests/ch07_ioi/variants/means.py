"""Answers to 7.8 and 7.9."""

from tests.grading.variants import Right, Wrong


def means(name: str, answer: str, says: str) -> Wrong:
    """A mistake in template_means."""
    return Wrong("7.8", name, body={"template_means": answer}, says=says)


def kept(name: str, answer: str, says: str) -> Wrong:
    """A mistake in keep_mask."""
    return Wrong("7.9", name, body={"keep_mask": answer}, says=says)


SAME = "same = (template[:, None] == template).to(acts)\n"
FLAT = "flat = acts.reshape(len(acts), -1)\n"
OVER = "return ((same / same.sum(1, keepdim=True)) @ flat).reshape(acts.shape)"
MARK = "for layer, head, role in nodes:\n    mask[{}] = True\nreturn mask"
ALL = "torch.arange(batch)"

WRONG = [
    means("all prompts", "return acts.mean(0, keepdim=True).expand_as(acts)", "over ALL prompts"),
    means(
        "other templates",
        SAME.replace("==", "!=") + FLAT + OVER,
        "over the OTHER templates",
    ),
    means(
        "both orders",
        SAME.replace("template", "(template // 2)") + FLAT + OVER,
        "the frame in both orders",
    ),
    means(
        "itself left out",
        SAME + "same.fill_diagonal_(0)\n" + FLAT + OVER.replace(" / same", " / same.clamp(min=0)"),
        "Means within templates are wrong",
    ),
    means(
        "itself left out, carefully",
        SAME
        + "same.fill_diagonal_(0)\n"
        + FLAT
        + OVER.replace("same.sum(1, keepdim=True)", "same.sum(1, keepdim=True).clamp(min=1)"),
        "The prompt itself is left out",
    ),
    means("sums", SAME + FLAT + "return (same @ flat).reshape(acts.shape)", "a sum, not a mean"),
    means(
        "by the batch",
        SAME + FLAT + "return (same @ flat / len(acts)).reshape(acts.shape)",
        "by the number of all prompts",
    ),
    means(
        "positions too",
        SAME
        + FLAT
        + OVER.replace("return", "out =")
        + "\nreturn out.mean(1, keepdim=True).expand_as(out) if acts.ndim > 1 else out",
        "positions too",
    ),
    means(
        "positions",
        "return acts.mean(1, keepdim=True).expand_as(acts) if acts.ndim > 1 else acts",
        "over positions, not prompts",
    ),
    means("nothing", "return acts", "Nothing is averaged"),
    means(
        "the first of each",
        "where = (template[:, None] == template).int().argmax(1)\nreturn acts[where]",
        "Only the template's first prompt",
    ),
    means(
        "one row a template",
        "return torch.stack([acts[template == t].mean(0) for t in template.unique()])",
        "wrong shape or type",
    ),
    means(
        "in place",
        "for t in template.unique():\n"
        "    acts[template == t] = acts[template == t].mean(0)\nreturn acts",
        "that came in are changed",
    ),
    kept("all positions", MARK.format("layer, :, :, head"), "ALL positions"),
    kept(
        "the reverse",
        MARK.format(f"layer, {ALL}, positions[role], head").replace("return mask", "return ~mask"),
        "It is the reverse",
    ),
    kept(
        "the reverse, from ones",
        "mask = ~mask\n"
        + MARK.format(f"layer, {ALL}, positions[role], head").replace("True", "False"),
        "It is the reverse",
    ),
    kept("all pairs", MARK.format("layer, :, positions[role], head"), "positions of ALL prompts"),
    kept("the first's", MARK.format("layer, :, positions[role][0], head"), "the first one's"),
    kept("first prompt", MARK.format("layer, 0, positions[role][0], head"), "first prompt is"),
    kept(
        "layer and head",
        MARK.format(f"head, {ALL}, positions[role], layer"),
        "Layer and head are exchanged",
    ),
    kept(
        "toggled",
        f"for layer, head, role in nodes:\n    mask[layer, {ALL}, positions[role], head] ^= True\n"
        "return mask",
        "A node that is listed twice is lost",
    ),
    kept("all heads", MARK.format(f"layer, {ALL}, positions[role]"), "All heads of the layer"),
    kept("all layers", MARK.format(f":, {ALL}, positions[role], head"), "in every layer"),
    kept("at END", MARK.format(f"layer, {ALL}, positions['end'], head"), "Heads stand at END"),
    kept(
        "last position",
        MARK.format("layer, :, -1, head"),
        "Heads stand at END",
    ),
    kept(
        "the last node",
        "for layer, head, role in nodes[-1:]:\n"
        f"    mask[layer, {ALL}, positions[role], head] = True\nreturn mask",
        "Only the last node is marked",
    ),
    kept(
        "returned too early",
        "for layer, head, role in nodes:\n"
        f"    mask[layer, {ALL}, positions[role], head] = True\n    return mask\nreturn mask",
        "Only the first node is marked",
    ),
]

RIGHT = [
    Right(
        "7.8",
        "template by template",
        body={
            "template_means": """
            out = torch.empty_like(acts)
            for one in set(template.tolist()):
                out[template == one] = acts[template == one].mean(dim=0)
            return out
            """
        },
    ),
    Right(
        "7.8",
        "index_add",
        body={
            "template_means": """
            _, group, counts = template.unique(return_inverse=True, return_counts=True)
            sums = torch.zeros(len(counts), *acts.shape[1:], dtype=acts.dtype)
            sums.index_add_(0, group, acts)
            return (sums / counts.reshape(-1, *[1] * (acts.ndim - 1)))[group]
            """
        },
    ),
    Right(
        "7.9",
        "one entry after the other",
        body={
            "keep_mask": """
            for layer, head, role in nodes:
                for b in range(batch):
                    mask[layer, b, int(positions[role][b]), head] = True
            return mask
            """
        },
    ),
    Right(
        "7.9",
        "by scatter",
        body={
            "keep_mask": """
            for node in nodes:
                where = positions[node.position_role][:, None]
                mask[node.layer, :, :, node.head].scatter_(1, where, True)
            return mask
            """
        },
    ),
]
