"""More mistakes in 7.8, 7.9 and 7.10."""

from tests.grading.mistakes import mistakes

WEIGHTS = "same = (template[:, None] == template).to(acts)\nw = same / same.sum(1, keepdim=True)\n"
MEAN = "return (w @ acts.reshape(len(acts), -1)).reshape(acts.shape)"
INDEX = "layer, torch.arange(batch), positions[role], head"
BATCH_ROLE = "torch.arange(batch), positions[role]"

MEANS = mistakes(
    "7.8",
    "template_means",
    {
        "Are the weights divided by the sum of all of them? Each row has its own sum.": (
            WEIGHTS + "w = same / same.sum()\n" + MEAN
        ),
        "Is the sum divided by n - 1? A mean divides by n.": (
            WEIGHTS + "w = same / (same.sum(1, keepdim=True) - 1).clamp(min=1)\n" + MEAN
        ),
        "Is the sum divided by n - 1, which is 0 for a template of one prompt?": (
            WEIGHTS + "w = same / (same.sum(1, keepdim=True) - 1)\n" + MEAN
        ),
        "Is the sum divided by the number of templates? Divide by its prompts.": (
            WEIGHTS + "w = same / len(template.unique())\n" + MEAN
        ),
        "Is the sum divided by the root of the number of prompts?": (
            WEIGHTS + "w = same / same.sum(1, keepdim=True).sqrt()\n" + MEAN
        ),
        "Are all templates of one order averaged? Each frame is a template of its own.": (
            WEIGHTS.replace("template", "(template % 2)") + MEAN
        ),
        "Is the number of a template used as a row of its means? Numbers may have gaps.": [
            "means = torch.stack([acts[template == t].mean(0) for t in template.unique()])\n"
            "return means[template]",
            "means = torch.stack([acts[template == t].mean(0) for t in template.unique()])\n"
            "return means[template % len(means)]",
        ],
        "Is this the root of the mean square? Take the mean.": (
            "return torch.stack([acts[template == t].square().mean(0).sqrt() for t in template])"
        ),
        "Is the mean taken over the last axis too? Average over prompts only.": (
            WEIGHTS + MEAN.replace("return ", "out = ") + "\n"
            "return out.mean(-1, keepdim=True).expand_as(out) if acts.ndim > 1 else out"
        ),
        "Is this the template's median? Take the mean.": (
            "return torch.stack([acts[template == t].median(0).values for t in template])"
        ),
        "Is it the template's last prompt, not the mean?": (
            "return torch.stack([acts[template == t][-1] for t in template])"
        ),
        "Is it the template's largest value, not the mean?": (
            "return torch.stack([acts[template == t].amax(0) for t in template])"
        ),
        "Does `flatten(1)` need a second axis? Use reshape(len(acts), -1).": (
            WEIGHTS + "return (w @ acts.flatten(1)).reshape(acts.shape)"
        ),
        "Is a matrix multiplied by activations of any number of axes? Flatten them first.": [
            WEIGHTS + "return w @ acts",
            WEIGHTS + "return torch.einsum('ij,jk->ik', w, acts)",
        ],
        "Does the loop leave out the last template? `range` leaves out its end.": """
            out = acts.clone()
            for t in range(int(template.max())):
                if (template == t).any():
                    out[template == t] = acts[template == t].mean(0)
            return out
            """,
        "Does the loop count templates? Their numbers may have gaps.": """
            out = acts.clone()
            for t in range(len(template.unique())):
                if (template == t).any():
                    out[template == t] = acts[template == t].mean(0)
            return out
            """,
        "Are the rows sorted by template? Keep the order of the prompts.": (
            WEIGHTS + MEAN.replace("return ", "out = ") + "\nreturn out[template.argsort()]"
        ),
        "Is the mean taken over all other axes too? Average over prompts only.": """
            out = acts.clone()
            for t in template.unique():
                out[template == t] = acts[template == t].mean()
            return out
            """,
        "Is only the first prompt of each template replaced?": """
            out = acts.clone()
            for t in template.unique():
                out[int((template == t).nonzero()[0])] = acts[template == t].mean(0)
            return out
            """,
        "Is the mean subtracted? Return the mean.": WEIGHTS
        + MEAN.replace("return", "return acts -"),
        "Are axes mixed by a reshape? Prompts come first: reshape(len(acts), -1).": [
            WEIGHTS + "return (w @ acts.reshape(-1, len(acts)).T).reshape(acts.shape)",
        ],
        "Do all prompts get the mean of the last template?": (
            "return acts[template == template.unique()[-1]].mean(0).expand_as(acts)"
        ),
        "Do all prompts get the mean of the first prompt's template?": (
            "return acts[template == template[0]].mean(0).expand_as(acts)"
        ),
        "Are sizes averaged? The signs belong to the activations.": (
            "return torch.stack([acts[template == t].abs().mean(0) for t in template])"
        ),
        "Is each prompt counted twice in its own mean?": (
            WEIGHTS + "same.fill_diagonal_(2)\nw = same / same.sum(1, keepdim=True)\n" + MEAN
        ),
        "Are only the prompts up to this one averaged? Average all of the template.": (
            WEIGHTS + "w = same.tril() / same.tril().sum(1, keepdim=True)\n" + MEAN
        ),
        "Are only the prompts from this one on averaged? Average all of the template.": (
            WEIGHTS + "w = same.triu() / same.triu().sum(1, keepdim=True)\n" + MEAN
        ),
        "Is this a softmax over the mask? Prompts of other templates get weight 0.": (
            WEIGHTS + "w = same.softmax(dim=1)\n" + MEAN
        ),
        "Is this the mean of the templates' means? Templates must not mix.": (
            "means = torch.stack([acts[template == t].mean(0) for t in template.unique()])\n"
            "return means.mean(0).expand_as(acts)"
        ),
    },
)
MASK = mistakes(
    "7.9",
    "keep_mask",
    {
        "Is the node marked one position too early?": {"positions[role]": "positions[role] - 1"},
        "Are all positions from the node's on kept?": """
            for layer, head, role in nodes:
                after = torch.arange(n_pos) >= positions[role][:, None]
                mask[layer, :, :, head] |= after
            return mask
            """,
        "Are all layers up to the node's kept?": {"[layer,": "[: layer + 1,"},
        "Are all layers from the node's on kept?": {"[layer,": "[layer:,"},
        "Are all heads up to the node's kept?": {"], head]": "], : head + 1]"},
        "Is END kept as well? A node is kept at its own role only.": {
            f"[{INDEX}] = True": f"[{INDEX}] = mask[layer, :, -1, head] = True"
        },
        "Is each head kept at the roles of ALL nodes? Each node has its own.": """
            for layer, head, _ in nodes:
                for _, _, role in nodes:
                    mask[layer, torch.arange(batch), positions[role], head] = True
            return mask
            """,
        "Is each layer kept with the heads of ALL nodes?": """
            for layer, _, _ in nodes:
                for _, head, role in nodes:
                    mask[layer, torch.arange(batch), positions[role], head] = True
            return mask
            """,
        "Is the node marked one layer too late? Layers count from 0.": {
            "[layer,": "[min(layer + 1, layers - 1),"
        },
        "Is the node marked one head too late? Heads count from 0.": {
            "], head]": "], min(head + 1, heads - 1)]"
        },
        "Is the mask made of numbers? It is Boolean.": {"\nreturn mask": "\nreturn mask.float()"},
        "Is a head of S2 kept at S1?": {
            "positions[role]": 'positions["s1" if role == "s2" else role]'
        },
        "Is a head of S1 kept at S2?": {
            "positions[role]": 'positions["s2" if role == "s1" else role]'
        },
        "Is a head of S1+1 kept at S1?": {
            "positions[role]": 'positions[role.removesuffix("_next")]'
        },
        "Are IO and S1 exchanged?": {
            "positions[role]": 'positions[{"io": "s1", "s1": "io"}.get(role, role)]'
        },
        "Do all prompts use the last one's position? Each has its own.": {
            BATCH_ROLE: ":, positions[role][-1]"
        },
        "Is nothing marked? Indexing twice with tensors writes into a copy.": [
            {
                "[layer, torch.arange(batch), positions[role], head] = True": (
                    "[layer][torch.arange(batch), positions[role]][:, head] = True"
                )
            },
            "return mask",
            {"head] = True": "head] &= True"},
        ],
        "Is the last prompt left out?": {
            BATCH_ROLE: "torch.arange(batch - 1), positions[role][:-1]"
        },
        "Is the first prompt left out?": {
            BATCH_ROLE: "torch.arange(1, batch), positions[role][1:]"
        },
        "Is one head per layer kept? A layer may have several.": """
            for layer, (head, role) in {one[0]: one[1:] for one in nodes}.items():
                mask[layer, torch.arange(batch), positions[role], head] = True
            return mask
            """,
        "Is one role per head kept? A head may have several.": """
            for (layer, head), role in {one[:2]: one[2] for one in nodes}.items():
                mask[layer, torch.arange(batch), positions[role], head] = True
            return mask
            """,
        "Is one head per role kept? A role may have several.": """
            for role, (layer, head) in {one[2]: one[:2] for one in nodes}.items():
                mask[layer, torch.arange(batch), positions[role], head] = True
            return mask
            """,
        "Are prompts and positions exchanged? The mask is [layer, batch, pos, head].": {
            BATCH_ROLE: "positions[role], torch.arange(batch)"
        },
        "Is the head kept wherever the role's TOKEN occurs? S1 and S2 are one token.": """
            for layer, head, role in nodes:
                token = prompts.tokens.gather(1, positions[role][:, None])
                mask[layer, :, :, head] |= prompts.tokens == token
            return mask
            """,
        "Is everything kept? Only the nodes are.": "return torch.ones_like(mask)",
        "Are nodes at END left out?": {"head] = True": 'head] = role != "end"'},
        "Do all prompts use the smallest or largest position? Each has its own.": [
            {BATCH_ROLE: ":, positions[role].min()"},
            {BATCH_ROLE: ":, positions[role].max()"},
        ],
        "Is each head kept at all five roles? A node has one.": """
            for layer, head, _ in nodes:
                for position in positions.values():
                    mask[layer, torch.arange(batch), position, head] = True
            return mask
            """,
        "Does an entry have to belong to ALL nodes? It is kept if it belongs to one.": """
            mask = ~mask
            for layer, head, role in nodes:
                one = torch.zeros_like(mask)
                one[layer, torch.arange(batch), positions[role], head] = True
                mask &= one
            return mask
            """,
        "Are layer and head marked one after the other? Set them together.": """
            for layer, head, role in nodes:
                mask[layer, torch.arange(batch), positions[role]] = True
                mask[:, torch.arange(batch), positions[role], head] = True
            return mask
            """,
    },
)
FAITHFULNESS = mistakes(
    "7.10",
    "faithfulness",
    {
        "Is it limited to 0 to 1? It may be below 0 and above 1.": (
            "return (circuit.mean() / full_model.mean()).clamp(0, 1)"
        ),
        "Is it limited to 0 and more? It may be below 0.": (
            "return (circuit.mean() / full_model.mean()).clamp(min=0)"
        ),
        "This is 1 - |F(M) - F(C)| / |F(M)|. Values above 1 stay above 1.": (
            "return 1 - (full_model.mean() - circuit.mean()).abs() / full_model.mean().abs()"
        ),
        "Is something small added to the denominator?": [
            "return circuit.mean() / (full_model.mean() + 1e-6)",
            "return circuit.mean() / (full_model.mean() + 1e-8)",
            "return circuit.mean() / (full_model.mean() + 1e-5)",
        ],
        "Is the denominator limited from below? F(M) may be negative.": [
            "return circuit.mean() / full_model.mean().clamp(min=1e-8)",
            "return circuit.mean() / full_model.mean().clamp(min=1e-6)",
            "return circuit.mean() / full_model.mean().clamp(min=1e-9)",
        ],
        "Are these medians? Take means.": "return circuit.median() / full_model.median()",
        "Is a sum divided by a mean?": "return circuit.sum() / full_model.mean()",
        "Is a mean divided by a sum?": "return circuit.mean() / full_model.sum()",
        "Is this a Python number? Return a tensor.": (
            "return circuit.mean().item() / full_model.mean().item()"
        ),
        "Is this a ratio of norms? Take means.": "return circuit.norm() / full_model.norm()",
        "Is this the slope of a fit? Take the ratio of means.": (
            "return (circuit * full_model).sum() / full_model.square().sum()"
        ),
        "Is this a correlation or a cosine? Take the ratio of means.": [
            "return torch.corrcoef(torch.stack([circuit, full_model]))[0, 1]",
            "return torch.cosine_similarity(circuit, full_model, dim=0)",
        ],
        "Is this the share of prompts where the circuit reaches the model?": (
            "return (circuit >= full_model).to(circuit).mean()"
        ),
        "Is this the share of prompts on which the signs agree?": (
            "return ((circuit > 0) == (full_model > 0)).to(circuit).mean()"
        ),
        "Is the mean divided by each prompt's score? Average the denominator first.": (
            "return (circuit.mean() / full_model).mean()"
        ),
        "Is this the first prompt alone? Take means over all.": "return circuit[0] / full_model[0]",
        "Is the smaller score divided by the larger one? F(C) / F(M) may be above 1.": [
            "return torch.minimum(circuit, full_model).mean() / "
            "torch.maximum(circuit, full_model).mean()",
            "a, b = circuit.mean(), full_model.mean()\nreturn torch.minimum(a, b) / torch.maximum(a, b)",
        ],
        "Is this in percent? It is a share: 1 is the full model.": (
            "return 100 * circuit.mean() / full_model.mean()"
        ),
        "Are the scores squared? Take means.": (
            "return circuit.square().mean() / full_model.square().mean()"
        ),
        "Is this the largest score's ratio? Take means.": "return circuit.max() / full_model.max()",
        "Is this the ratio of deviations? Take means.": "return circuit.std() / full_model.std()",
        "Is the score of the full model subtracted from the ratio? 1 is perfect.": (
            "return circuit.mean() / full_model.mean() - 1"
        ),
        "Is this F(C) alone? Divide it by F(M).": "return circuit.mean()",
        "Is this F(M) alone? Divide F(C) by it.": "return full_model.mean()",
        "Are the scores multiplied? Divide F(C) by F(M).": (
            "return circuit.mean() * full_model.mean()"
        ),
        "Is this the last prompt alone? Take means over all.": "return circuit[-1] / full_model[-1]",
        "Is this a mean of ratios in which prompts with a small score are left out?": [
            "ok = full_model > 0\nreturn (circuit[ok] / full_model[ok]).mean()",
        ],
        "Is it divided by F(C) + F(M)? Divide by F(M).": (
            "return circuit.mean() / (circuit.mean() + full_model.mean())"
        ),
    },
)
