"""Mistakes in 7.8 and 7.9, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

SAME = "same = (template[:, None] == template).to(acts)\n"
OTHERS = SAME + "same.fill_diagonal_(0)\n"
FLAT = "flat = acts.reshape(len(acts), -1)\n"
MEAN = FLAT + "return ((same / same.sum(1, keepdim=True)) @ flat).reshape(acts.shape)"
CAREFUL = MEAN.replace("keepdim=True)", "keepdim=True).clamp(min=1)")
INDEX = "layer, torch.arange(batch), positions[role], head"

MEANS = mistakes(
    "7.8",
    "template_means",
    {
        "This is the mean over ALL prompts. Templates must not mix.": (
            "return acts.mean(0, keepdim=True).expand_as(acts)"
        ),
        "This is the mean over the OTHER templates.": SAME.replace("==", "!=") + CAREFUL,
        "Are both orders of a frame averaged? Each order is a template of its own.": (
            SAME.replace("template", "(template // 2)") + MEAN
        ),
        "Is the prompt itself left out? It belongs to its template.": [OTHERS + CAREFUL],
        "Is the prompt left out, and a template of one prompt divided by 0?": OTHERS + MEAN,
        "This is the sum over the template's prompts.": (
            SAME + FLAT + "return (same @ flat).reshape(acts.shape)"
        ),
        "Is the sum divided by the number of all prompts, not of the template's?": (
            SAME + FLAT + "return (same @ flat / len(acts)).reshape(acts.shape)"
        ),
        "Is the mean taken over positions too? Each position has its own.": (
            SAME
            + MEAN.replace("return", "out =")
            + "\nreturn out.mean(1, keepdim=True).expand_as(out) if acts.ndim > 1 else out"
        ),
        "Is the mean taken over positions, not over prompts?": (
            "return acts.mean(1, keepdim=True).expand_as(acts) if acts.ndim > 1 else acts"
        ),
        "These are the activations themselves. Average them.": "return acts",
        "Is it the template's first prompt, not the mean?": (
            "where = (template[:, None] == template).int().argmax(1)\nreturn acts[where]"
        ),
        "This has one row per template. Each prompt needs a row.": (
            "return torch.stack([acts[template == t].mean(0) for t in template.unique()])"
        ),
        "Are the activations averaged in place? The caller still uses them.": """
            for t in template.unique():
                acts[template == t] = acts[template == t].mean(0)
            return acts
            """,
    },
)
MASK = mistakes(
    "7.9",
    "keep_mask",
    {
        "Are heads kept at ALL positions? A node is a head at one role.": {
            "torch.arange(batch), positions[role]": ":, :"
        },
        "Is the mask inverted? True is what is kept.": [
            {"return mask": "return ~mask"},
            """
            mask = ~mask
            for layer, head, role in nodes:
                mask[layer, torch.arange(batch), positions[role], head] = False
            return mask
            """,
        ],
        "Does each prompt get the positions of ALL prompts? Pair prompts with positions.": {
            "torch.arange(batch)": ":"
        },
        "Do all prompts use the first one's position? Each has its own.": {
            "torch.arange(batch), positions[role": ":, positions[role][0"
        },
        "Is only the first prompt marked?": {
            "torch.arange(batch), positions[role": "0, positions[role][0"
        },
        "Are layer and head exchanged?": {
            INDEX: "head, torch.arange(batch), positions[role], layer"
        },
        "Does a node that is listed twice cancel itself? Set True, do not toggle.": {
            "head] = True": "head] ^= True"
        },
        "Are all heads of the layer kept?": {"], head]": "]]"},
        "Is the head kept in every layer?": {"[layer,": "[:,"},
        "Are all nodes at END, whatever their role?": [
            {"[role]": "['end']"},
            {"torch.arange(batch), positions[role]": ":, -1"},
        ],
        "Is only the last node marked?": {"nodes:": "nodes[-1:]:"},
        "Is only the first node marked? Return after the loop.": {
            "\nreturn mask": "\n    return mask\nreturn mask"
        },
        "Are all positions up to the node's kept?": """
            for layer, head, role in nodes:
                before = torch.arange(n_pos) <= positions[role][:, None]
                mask[layer, :, :, head] |= before
            return mask
            """,
        "Is the node marked one position too late?": {
            "positions[role]": "(positions[role] + 1).clamp(max=n_pos - 1)"
        },
    },
)
RIGHT_MEANS = right_answers(
    "7.8",
    "template_means",
    {
        "template by template": """
            out = torch.empty_like(acts)
            for one in set(template.tolist()):
                out[template == one] = acts[template == one].mean(dim=0)
            return out
            """,
        "index_add": """
            _, group, counts = template.unique(return_inverse=True, return_counts=True)
            sums = torch.zeros(len(counts), *acts.shape[1:], dtype=acts.dtype)
            sums.index_add_(0, group, acts)
            return (sums / counts.reshape(-1, *[1] * (acts.ndim - 1)))[group]
            """,
    },
)
RIGHT_MASK = right_answers(
    "7.9",
    "keep_mask",
    {
        "one entry after the other": """
            for layer, head, role in nodes:
                for b in range(batch):
                    mask[layer, b, int(positions[role][b]), head] = True
            return mask
            """,
        "by scatter": """
            for node in nodes:
                where = positions[node.position_role][:, None]
                mask[node.layer, :, :, node.head].scatter_(1, where, True)
            return mask
            """,
    },
)

RUNS = mistakes(
    "7.8",
    "template_means",
    {
        "Are only neighbors of one template averaged? Average over all of its prompts.": (
            "_, template = template.unique_consecutive(return_inverse=True)\n" + SAME + MEAN
        )
    },
)
