"""More mistakes in 7.6."""

from tests.grading.mistakes import mistakes

LARGE = "mean.abs() >= min_effect_share * clean.mean().abs()"
CERTAIN = "mean.abs() >= min_z * error"
ERROR = "effects.std(dim=1) / effects.shape[1] ** 0.5"
ORDERED = "found[mean[found].abs().argsort(descending=True)]"
SIZE = "clean.mean().abs()"

SIGNIFICANT = mistakes(
    "7.6",
    "select_significant",
    {
        "Are these variances divided by the root of n? The error has a deviation.": {
            "effects.std": "effects.var"
        },
        "Are these variances divided by n? Take the root.": {ERROR: "effects.var(1) / len(clean)"},
        "Is the deviation that of the clean metric? It is that of the effects.": {
            "effects.std(dim=1)": "clean.std()"
        },
        "Is the deviation that of the effects' sizes? The signs belong to the effects.": {
            "effects.std": "effects.abs().std"
        },
        "Is the deviation multiplied by the root of n? Divide by it.": {" / effects": " * effects"},
        "Is the deviation that of all senders together? Each has its own.": {
            "effects.std(dim=1)": "effects.std()"
        },
        "Are positive effects left out? A head that works against the answer counts too.": [
            {LARGE: LARGE.replace("mean.abs()", "-mean", 1), CERTAIN: "-mean >= min_z * error"},
            {LARGE: LARGE.replace("mean.abs()", "-mean", 1)},
            {CERTAIN: "-mean >= min_z * error"},
            {CERTAIN: "-mean >= min_z * error", ORDERED: "found[mean[found].argsort()]"},
        ],
        "Are negative effects left out? The sign does not matter.": [
            {LARGE: LARGE.replace("mean.abs()", "mean", 1), CERTAIN: "mean >= min_z * error"},
        ],
        "Are they ordered from the most negative to the most positive? Order by size.": {
            ORDERED: "found[mean[found].argsort()]"
        },
        "Is this a mask? Return the numbers of the senders.": {
            "found = (": "return ",
            ").nonzero()[:, 0]": "",
        },
        "Are these pairs from `nonzero`? Take its column 0.": {
            ".nonzero()[:, 0]": ".nonzero()",
            f"return {ORDERED}": "return found",
        },
        "Are these the effects? Return the numbers of the senders.": [
            {ORDERED: "mean[found].sort(descending=True).values"},
            {ORDERED: "mean[found]"},
        ],
        "Is this a list? Return a tensor.": {ORDERED: ORDERED + ".tolist()"},
        "Is this the largest one alone? Return all that are selected.": {ORDERED: ORDERED + "[:1]"},
        "Is the limit subtracted before the division by the error? Test the mean itself.": {
            CERTAIN: f"mean.abs() - min_effect_share * {SIZE} >= min_z * error"
        },
        "Are the two limits exchanged?": {
            LARGE: LARGE.replace("min_effect_share", "min_z"),
            CERTAIN: CERTAIN.replace("min_z", "min_effect_share"),
        },
        "Is this a mean of ratios? Divide the means, or compare them.": {
            LARGE: "(effects / clean).mean(dim=1).abs() >= min_effect_share"
        },
        "Are the prompts counted in which the effect is large? Its mean has to be.": {
            LARGE: "(effects.abs() >= min_effect_share * clean.abs()).float().mean(dim=1) > 0.5"
        },
        "Is the share one of the clean metric's deviation? It is one of its mean.": {
            SIZE: "clean.std()"
        },
        "Is the share one of the clean metric's sum? It is one of its mean.": [
            {SIZE: "clean.sum().abs()"},
            {SIZE: "clean.abs().sum()"},
        ],
        "Is the share one of the clean metric's largest value? It is one of its mean.": [
            {SIZE: "clean.abs().max()"},
            {SIZE: "clean.max()"},
        ],
        "Is the share one of the clean metric's median? It is one of its mean.": {
            SIZE: "clean.median().abs()"
        },
        "Is the share one of the first prompt's metric? It is one of the mean.": {
            SIZE: "clean[0].abs()"
        },
        "Is the share one of the mean effect of all senders? It is one of the clean metric.": [
            {SIZE: "mean.abs().mean()"},
            {SIZE: "mean.mean().abs()"},
            {SIZE: "effects.abs().mean()"},
        ],
        "Is a mask in the senders' order applied to sorted senders?": """
            error = effects.std(dim=1) / effects.shape[1] ** 0.5
            large = mean.abs() >= min_effect_share * clean.mean().abs()
            order = mean.abs().argsort(descending=True)
            return order[large & (mean.abs() >= min_z * error)]
            """,
        "Is this the median over prompts? Take the mean.": {
            "error: ": "mean = effects.median(dim=1).values\nerror: "
        },
        "Are they ordered by the mean of sizes? Order by the size of the mean.": [
            {ORDERED: "found[effects[found].abs().mean(dim=1).argsort(descending=True)]"},
        ],
        "Are they ordered by their standard error? Order by the size of the mean.": {
            ORDERED: "found[error[found].argsort(descending=True)]"
        },
        "Are they ordered by the first prompt's effect? Order by the size of the mean.": {
            ORDERED: "found[effects[found, 0].abs().argsort(descending=True)]"
        },
        "Are all senders ordered, selected or not?": {
            ORDERED: "mean.abs().argsort(descending=True)"
        },
        "Is the mean effect a sum here? Divide by the number of prompts.": {
            "error: ": "mean = effects.sum(dim=1)\nerror: "
        },
        "Is the effect divided by the clean metric AND compared with a share of it?": {
            LARGE: "(mean / clean.mean()).abs() >= " + LARGE.split(" >= ")[1]
        },
        "Are effects selected that are SMALL or uncertain? Both are at least the limit.": [
            {LARGE: LARGE.replace(">=", "<="), CERTAIN: CERTAIN.replace(">=", "<=")},
            {LARGE: LARGE.replace(">=", "<=")},
            {CERTAIN: CERTAIN.replace(">=", "<=")},
        ],
        "Is the mean taken over senders? Average each sender over prompts.": {
            "error: ": "mean = effects.mean(dim=0)\nerror: "
        },
        "Is the deviation divided by the fourth root of n? Take the square root.": {
            " ** 0.5": " ** 0.25"
        },
        "Is the clean metric subtracted? The effects are differences already.": [
            {CERTAIN: "(mean - clean.mean()).abs() >= min_z * error"},
            {"error: ": "mean = mean - clean.mean()\nerror: "},
        ],
        "Is one prompt with a large effect enough? The mean has to be large.": [
            {LARGE: "(effects.abs() >= min_effect_share * clean.abs()).any(dim=1)"},
            {LARGE: "effects.abs().amax(dim=1) >= min_effect_share * clean.mean().abs()"},
        ],
        "Are these ranks? Sort once, and look up the senders.": {
            ORDERED: ORDERED.replace("=True)", "=True).argsort()")
        },
        "Are they ordered by number, the last sender first? Order by the size of the effect.": [
            {ORDERED: "found.flip(0)"},
            {ORDERED: "found.sort(descending=True).values"},
        ],
        "Is the share squared?": {"min_effect_share *": "min_effect_share ** 2 *"},
        "Are the means sorted before they are compared with their errors?": {
            "error: ": "mean = mean.abs().sort(descending=True).values\nerror: "
        },
        "Is min_z divided by the error? It is multiplied by it.": {
            "min_z * error": "min_z / error"
        },
        "Is min_z not used? The limit is that many standard errors.": [
            {"min_z * error": "error"},
            {"min_z * error": "min_z"},
        ],
        "Is the limit always 3 or 2 standard errors? min_z is an argument.": [
            {"min_z * error": "3 * error"},
            {"min_z * error": "2 * error"},
            {"min_z * error": "1.96 * error"},
        ],
    },
)
