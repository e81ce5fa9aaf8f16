"""A GGUF file's vocabulary as a tokenizer.

GGUF keeps the tokens and the merges of a byte-level BPE but only the *name* of the rule that splits
text before merging (`tokenizer.ggml.pre`). The rule decides what can merge at all: with the wrong
one, numbers come out as other tokens than the model was trained on and nothing says so. A name that
is not in the table here is therefore refused.
"""

from collections.abc import Mapping
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models
from tokenizers.pre_tokenizers import ByteLevel, Digits, PreTokenizer, Sequence

CONTROL = 3
"""GGUF's token type for tokens that stand for themselves and never come from plain text."""


_WORDS = ByteLevel(add_prefix_space=False, use_regex=True)

SPLITTERS: dict[str, PreTokenizer] = {
    "gpt-2": _WORDS,
    "smollm": Sequence([Digits(individual_digits=True), _WORDS]),
}
"""What each name of a splitting rule means. SmolLM's is GPT-2's after every digit is set apart."""


def build_tokenizer(metadata: Mapping[str, Any]) -> Tokenizer:
    """Build the tokenizer that a GGUF file describes.

    A character whose bytes the vocabulary lacks is dropped in encoding, as the published tokenizer
    of SmolLM2 does: its vocabulary has no token for 21 of the 256 bytes.

    Raises: ValueError for another kind of vocabulary than byte-level BPE, or an unknown splitter.
    """
    kind, pre = metadata["tokenizer.ggml.model"], metadata.get("tokenizer.ggml.pre")
    if kind != "gpt2":
        raise ValueError(
            f"expected a byte-level BPE vocabulary (tokenizer.ggml.model 'gpt2'), came {kind!r}"
        )
    if pre not in SPLITTERS:
        raise ValueError(
            f"the file splits text by a rule that is not known here: tokenizer.ggml.pre {pre!r}; "
            f"known: {', '.join(map(repr, SPLITTERS))}. Guessing would give wrong tokens silently: "
            "add the rule to toy_models/gguf_tokenizer.py."
        )
    tokens = metadata["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in metadata["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = SPLITTERS[pre]
    tokenizer.decoder = decoders.ByteLevel()
    types = metadata["tokenizer.ggml.token_type"]
    special = [token for token, type_ in zip(tokens, types, strict=True) if type_ == CONTROL]
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in special])
    return tokenizer
