"""More mistakes in 3.2, 3.3 and 3.4: the frozen scale, the two biases, and dot products."""

from tests.grading.mistakes import mistakes

END, SCALE = "values / scale * gain", "/ scale *"
FROZEN = mistakes(
    "3.2",
    "apply_frozen_norm",
    {
        "Is eps added to the scale? The scale includes it.": [
            {SCALE: "/ (scale + norm.eps) *"},
            {SCALE: "/ (scale.square() + norm.eps).sqrt() *"},
        ],
        "Is the root of the scale taken? Divide by the scale itself.": {SCALE: "/ scale.sqrt() *"},
        "Is the scale squared? Divide by the scale itself.": {SCALE: "/ scale.square() *"},
        "Is it divided by the gain? A norm multiplies by it.": {END: "values / scale / gain"},
        "Is 1 added to the gain? `affine` returns the whole gain.": {
            END: f"{END} + values / scale"
        },
        "Is the gain applied twice?": {END: END + " * gain"},
        "Do all positions use the last one's scale? Each has its own.": {
            SCALE: "/ scale[:, -1:] *"
        },
        "Do all positions use the first one's scale? Each has its own.": {
            SCALE: "/ scale[:, :1] *"
        },
        "Do all texts use the first one's scale? Each has its own.": {SCALE: "/ scale[:1] *"},
        "Is the scale averaged? Each position has its own.": [
            {SCALE: "/ scale.mean() *"},
            {SCALE: "/ scale.mean(dim=1, keepdim=True) *"},
        ],
        "Is the scale divided by the number of components? All use the whole scale.": {
            SCALE: "/ (scale / len(values)) *"
        },
        "Is the scale computed from the sum of the components? Divide by the given `scale`.": """
            total = values.sum(dim=0)
            if norm.centers:
                values = values - values.mean(dim=-1, keepdim=True)
                total = total - total.mean(dim=-1, keepdim=True)
            return values / (total.square().mean(dim=-1, keepdim=True) + norm.eps).sqrt() * gain
            """,
        "Does the mean lose its axis? Use keepdim=True.": {"keepdim=True": "keepdim=False"},
        "Are the components added up? Each is normalized by itself.": {END: f"({END}).sum(dim=0)"},
        "Is the attribute `w` read? Only some norms have it; `affine` works for all.": {
            END: "values / scale * norm.w"
        },
    },
)
FROZEN_SCALE = 'cache["ln_final.hook_scale"]'
DIRECTION, SUM = "normed = apply_frozen_norm", "contributions = einsum"
PRODUCT = """contributions = einsum(
    normed, direction, "component batch pos d_model, batch pos d_model -> component batch pos"
)"""
NAMES, REST = '[*components.names, "norm bias", "unembed bias"]', "torch.cat([contributions, rest])"
ATTRIBUTION = mistakes(
    "3.3",
    "direct_logit_attribution",
    {
        "Do all positions use one scale, such as the last one's? Each has its own.": [
            {FROZEN_SCALE: FROZEN_SCALE + "[:, -1:]"},
            {FROZEN_SCALE: FROZEN_SCALE + "[:, :1]"},
            {FROZEN_SCALE: FROZEN_SCALE + ".mean(1, keepdim=True)"},
        ],
        "Is the difference of b_U the wrong way round? Subtract that of `against`.": {
            "b_U[token] - b_U[against]": "b_U[against] - b_U[token]"
        },
        "Are both b_U added? Subtract that of `against`.": {"b_U[token] - b_U": "b_U[token] + b_U"},
        "Is the mean of b_U subtracted?": {"bias = b_U": "b_U = b_U - b_U.mean()\nbias = b_U"},
        "Is the norm's bias multiplied by the gain? It is added after it.": {
            "@ norm_bias": "@ (norm_bias * model.ln_final.affine().gain)"
        },
        "Is the mean of the norm's bias subtracted? Centering comes before it.": {
            "@ norm_bias": "@ (norm_bias - norm_bias.mean())"
        },
        "Is the direction scaled to length 1? Use it as it is.": {
            DIRECTION: f"direction = direction / direction.norm(dim=-1, keepdim=True)\n{DIRECTION}"
        },
        "Is the direction's mean subtracted? Use it as it is.": {
            DIRECTION: f"direction = direction - direction.mean(-1, keepdim=True)\n{DIRECTION}"
        },
        "Are the two biases one entry? Each has its own.": {
            NAMES: '[*components.names, "bias"]',
            REST: "torch.cat([contributions, rest.sum(dim=0, keepdim=True)])",
        },
        "Do all positions use the direction of the first one? Each has its own.": {
            DIRECTION: f"direction = direction[:, :1].expand_as(direction)\n{DIRECTION}"
        },
        "Do all positions use the direction of the last one? Each has its own.": {
            DIRECTION: f"direction = direction[:, -1:].expand_as(direction)\n{DIRECTION}"
        },
        "Do all texts use the direction of the first one? Each has its own.": {
            DIRECTION: f"direction = direction[:1].expand_as(direction)\n{DIRECTION}"
        },
        "Is the gain applied twice? `apply_frozen_norm` does it.": {
            SUM: f"normed = normed * model.ln_final.affine().gain\n{SUM}"
        },
        "Are the entries of the biases the first two? They come last.": [
            {REST: "torch.cat([rest, contributions])"},
            {
                REST: "torch.cat([rest, contributions])",
                NAMES: '["norm bias", "unembed bias", *components.names]',
            },
        ],
        "Is it a mean over d_model? A dot product is a sum.": {
            PRODUCT: "contributions = (normed * direction).mean(dim=-1)"
        },
        "Are the positions added up? Each has its own contributions.": {
            PRODUCT: "contributions = (normed * direction).sum(dim=(2, 3), keepdim=True)\n"
            "contributions = contributions[..., 0].expand(-1, -1, normed.shape[2])"
        },
        "Is the direction that of `token` alone? With `against` it is a difference.": {
            DIRECTION: f"direction = logit_direction(model, token)\n{DIRECTION}"
        },
        "Is the direction of the difference the wrong way round? Subtract that of `against`.": {
            DIRECTION: f"""if against is not None:
    direction = -direction
{DIRECTION}"""
        },
        "Are the biases also divided among the components? They are entries of their own.": {
            REST: "torch.cat([contributions + rest.sum(dim=0) / len(contributions), rest])"
        },
        "Are the contributions divided by their sum? They are in logits.": {
            REST: "torch.cat([contributions, rest]) / torch.cat([contributions, rest]).sum(dim=0)"
        },
    },
)
READ = "read = einsum(direction, W_O, 'b p m, h d m -> b p h d')\n"
DOT = "return (z * read).sum(-1)"
HEADS = mistakes(
    "3.4",
    "head_logit_contributions",
    {
        "Is the sum over d_head missing?": READ + "return z * read",
        "Are the heads added up? Each has its own number.": READ
        + "return (z * read).sum((-1, -2))",
        "This is a cosine. A contribution is a dot product.": (
            READ + "return torch.cosine_similarity(z, read, dim=-1)"
        ),
        "Is the projected direction scaled to length 1? Use it as it is.": (
            READ + "read = read / read.norm(dim=-1, keepdim=True)\n" + DOT
        ),
        "The axes are [head, batch, pos]. Head comes last.": READ + DOT + ".permute(2, 0, 1)",
        "Is this the inverse of W_O? The direction is multiplied by W_O itself.": (
            "W_O = torch.linalg.pinv(W_O).mT\n" + READ + DOT
        ),
        "Do all heads use the first one's W_O?": "W_O = W_O[:1].expand_as(W_O)\n" + READ + DOT,
        "Do all heads use the sum of all W_O?": (
            "W_O = W_O.sum(dim=0, keepdim=True).expand_as(W_O)\n" + READ + DOT
        ),
        "Is it divided by sqrt(d_head)? Only attention scores are.": (
            READ + DOT + " / z.shape[-1] ** 0.5"
        ),
        "Is the absolute value taken? A head can lower a logit.": READ + DOT + ".abs()",
        "Are the directions of all positions added up? Each position has its own.": (
            "direction = direction.sum(dim=1, keepdim=True).expand_as(direction)\n" + READ + DOT
        ),
        "Are the contributions divided by their sum? They are in logits.": (
            READ + "own = (z * read).sum(-1)\nreturn own / own.sum(-1, keepdim=True)"
        ),
        "Is the mean of z subtracted?": READ + "z = z - z.mean(dim=-1, keepdim=True)\n" + DOT,
        "Is the direction's mean subtracted? Use it as it is.": (
            "direction = direction - direction.mean(dim=-1, keepdim=True)\n" + READ + DOT
        ),
        "Are the heads in reverse order?": "W_O = W_O.flip(0)\n" + READ + DOT,
        "Is an axis moved by reshape? That mixes heads and d_head; transpose instead.": [
            """
            batch, pos, heads, d_head = z.shape
            read = direction @ W_O.flatten(0, 1).T
            return (z * read.reshape(batch, pos, d_head, heads).mT).sum(-1)
            """,
        ],
        "Is W_O reshaped where it should be transposed?": (
            "W_O = W_O.reshape(len(W_O), W_O.shape[2], W_O.shape[1]).mT\n" + READ + DOT
        ),
    },
)
