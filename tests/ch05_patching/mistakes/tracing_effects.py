"""Mistakes in the effects and the window of causal tracing (5.11)."""

from tests.grading.mistakes import mistakes

INDIRECT = mistakes(
    "5.11",
    "indirect_effect",
    {
        "Is this measured from the clean run? Subtract the corrupted probability.": (
            "return trace.clean - trace.restored"
        ),
        "Is this restored minus clean? Subtract the corrupted probability.": (
            "return trace.restored - trace.clean"
        ),
        "Is the sign flipped? It is restored minus corrupted.": (
            "return trace.corrupted - trace.restored"
        ),
        "Is this the restored probability alone? Subtract the corrupted one.": (
            "return trace.restored.clone()"
        ),
        "Is this a share of the total effect? An effect is a difference.": (
            "return (trace.restored - trace.corrupted) / (trace.clean - trace.corrupted)"
        ),
        "Is the effect cut off at 0? A restored state may lower the probability.": (
            "return (trace.restored - trace.corrupted).clamp(min=0)"
        ),
        "Is this an absolute value? A restored state may lower the probability.": (
            "return (trace.restored - trace.corrupted).abs()"
        ),
        "Is this the share that is missing to the clean run? It is restored minus corrupted.": (
            "return (trace.clean - trace.restored) / (trace.clean - trace.corrupted)"
        ),
        "Is this a share of the clean or corrupted probability? An effect is a difference.": [
            "return (trace.restored - trace.corrupted) / trace.clean",
            "return (trace.restored - trace.corrupted) / trace.corrupted",
        ],
        "Is this a ratio of probabilities? An effect is a difference.": [
            "return trace.restored / trace.corrupted",
            "return trace.restored / trace.clean",
        ],
        "Is the corrupted probability averaged over prompts? Each prompt has its own.": (
            "return trace.restored - trace.corrupted.mean()"
        ),
        "Is this one number for all prompts? Each has its own effect.": [
            "return (trace.restored - trace.corrupted).mean(-1)",
            "return (trace.restored - trace.corrupted).mean()",
        ],
        "Is the largest effect of each layer returned? Keep layers and sets.": (
            "return (trace.restored - trace.corrupted).amax(1)"
        ),
        "Is this the mean over prompts? Each has its own effect.": (
            "return (trace.restored - trace.corrupted).mean(-1, keepdim=True).expand_as("
            "trace.restored)"
        ),
    },
)
TOTAL = mistakes(
    "5.11",
    "total_effect",
    {
        "Is the sign of the total effect flipped? It is clean minus corrupted.": (
            "return trace.corrupted - trace.clean"
        ),
        "Is the total effect a share? It is a difference.": [
            "return 1 - trace.corrupted / trace.clean",
            "return trace.clean / trace.corrupted",
            "return trace.corrupted / trace.clean",
        ],
        "Is the total effect an absolute value? The noise may raise the probability.": (
            "return (trace.clean - trace.corrupted).abs()"
        ),
        "Is the total effect cut off at 0? The noise may raise the probability.": (
            "return (trace.clean - trace.corrupted).clamp(min=0)"
        ),
        "Is the total effect one number for all prompts? Each has its own.": [
            "return (trace.clean - trace.corrupted).mean()",
            "return (trace.clean - trace.corrupted).sum()",
        ],
        "Is the total effect the mean over prompts? Each has its own.": (
            "return (trace.clean - trace.corrupted).mean() + 0 * trace.clean"
        ),
        "Is the restored run in the total effect? It is clean minus corrupted.": [
            "return trace.restored.mean((0, 1)) - trace.corrupted",
            "return trace.clean - trace.restored.mean((0, 1))",
        ],
    },
)
WINDOW = mistakes(
    "5.11",
    "window",
    {
        "Is the window not cut at the ends of the model?": (
            "first = layer - width // 2\nreturn range(first, first + width)"
        ),
        "Is the window one layer too long? It has `width` layers.": {
            "first + width)": "first + 2 * (width // 2) + 1)"
        },
        "Does the window begin at the layer? The layer is in the middle.": {
            "layer - width // 2": "layer"
        },
        "Does the window end at the layer? The layer is in the middle.": {
            "layer - width // 2": "layer - width + 1"
        },
        "Does the window have `width` layers on both sides? It has `width` in all.": [
            "return range(max(0, layer - width), min(n_layers, layer + width + 1))",
            "return range(max(0, layer - width), min(n_layers, layer + width))",
            "return range(max(0, layer - width + 1), min(n_layers, layer + width))",
        ],
        "Is a window of odd width one layer too short?": (
            "half = width // 2\nreturn range(max(0, layer - half), min(n_layers, layer + half))"
        ),
        "Is the window the layer alone?": "return range(layer, layer + 1)",
        "Does the window have `width` layers although it begins before layer 0? Cut it.": (
            "first = max(0, layer - width // 2)\nreturn range(first, min(n_layers, first + width))"
        ),
        "Is the model's last layer left out? The end of a range is not in it.": {
            "min(n_layers, first": "min(n_layers - 1, first"
        },
        "Is the model's first layer left out? Layers count from 0.": {
            "max(0, first)": "max(1, first)"
        },
        "Is the window not cut at the last layer?": "first = layer - width // 2\n"
        "return range(max(0, first), first + width)",
        "Is the window not cut at layer 0?": "first = layer - width // 2\n"
        "return range(first, min(n_layers, first + width))",
        "Is the layer itself left out?": (
            "first = layer - width // 2\n"
            "return [i for i in range(max(0, first), min(n_layers, first + width)) if i != layer]"
        ),
        "Does the window end one layer early?": {"first + width)": "first + width - 1)"},
        "Of an even width, is one more layer after the layer? It is before it.": {
            "layer - width // 2": "layer - (width - 1) // 2"
        },
        "Is the window shifted at the ends, to keep its width? Cut it.": {
            "layer - width // 2": "min(max(0, layer - width // 2), max(0, n_layers - width))"
        },
    },
)
