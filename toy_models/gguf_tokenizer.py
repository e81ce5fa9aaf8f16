"""Build a tokenizer from a GGUF file's vocabulary.

GGUF stores the tokens and the merges of a byte-level BPE but only the *name* of the rule that
splits text before merging (`tokenizer.ggml.pre`). The rule decides what can be merged: with the
wrong one, numbers become other tokens than in training, without an error. A name that is not in
SPLITTERS therefore raises.
"""

from collections.abc import Mapping
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models
from tokenizers.pre_tokenizers import ByteLevel, Digits, PreTokenizer, Sequence

from toy_models.gguf_file import take_list

CONTROL = 3
"""GGUF's token type for special tokens, which plain text never produces."""


_WORDS = ByteLevel(add_prefix_space=False, use_regex=True)

SPLITTERS: dict[str, PreTokenizer] = {
    "gpt-2": _WORDS,
    "smollm": Sequence([Digits(individual_digits=True), _WORDS]),
}
"""Name of a splitting rule -> pre-tokenizer. SmolLM's is GPT-2's with every digit separate."""


def build_tokenizer(metadata: Mapping[str, Any]) -> Tokenizer:
    """Build the tokenizer that a GGUF file describes.

    A character whose bytes are not in the vocabulary is dropped in encoding, as in the published
    tokenizer of SmolLM2: its vocabulary has no token for 21 of the 256 bytes.

    Raises: ValueError for another kind of vocabulary than byte-level BPE, or an unknown splitter.
    """
    kind, pre = metadata.get("tokenizer.ggml.model"), metadata.get("tokenizer.ggml.pre")
    if kind != "gpt2":
        raise ValueError(
            f"expected a byte-level BPE vocabulary (tokenizer.ggml.model 'gpt2'), got {kind!r:.80}"
        )
    if not isinstance(pre, str) or pre not in SPLITTERS:
        raise ValueError(
            f"expected tokenizer.ggml.pre to be one of {', '.join(map(repr, SPLITTERS))}, got "
            f"{pre!r:.80}; a guess would give wrong tokens without an error, so add the rule to "
            "toy_models/gguf_tokenizer.py"
        )
    tokens, types, merges = read_vocabulary(dict(metadata))
    try:
        tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    except Exception as error:  # tokenizers raises nothing narrower
        raise ValueError(
            f"expected tokenizer.ggml.merges of known tokens, got {error}; convert the model again"
        ) from error
    tokenizer.pre_tokenizer = SPLITTERS[pre]
    tokenizer.decoder = decoders.ByteLevel()
    special = [token for token, type_ in zip(tokens, types, strict=True) if type_ == CONTROL]
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in special])
    return tokenizer


def read_vocabulary(
    fields: dict[str, Any],
) -> tuple[list[str], list[int], list[tuple[str, str]]]:
    """Read the tokens, their types and the merges.

    Raises: ValueError for a repeated or empty token, types of another number, or a merge that is
        not a pair.
    """
    tokens = take_list(fields, "tokenizer.ggml.tokens", str)
    types = take_list(fields, "tokenizer.ggml.token_type", int)
    merges = [tuple(merge.split(" ")) for merge in take_list(fields, "tokenizer.ggml.merges", str)]
    if len(set(tokens)) < len(tokens) or "" in tokens or not tokens:
        raise ValueError("expected different tokens in tokenizer.ggml.tokens, got one twice or ''")
    if len(types) != len(tokens):
        raise ValueError(
            f"expected tokenizer.ggml.token_type of {len(tokens)} entries, got {len(types)}"
        )
    if wrong := [merge for merge in merges if len(merge) != 2 or "" in merge]:
        raise ValueError(f"expected pairs in tokenizer.ggml.merges, got {' '.join(wrong[0])!r:.80}")
    return tokens, types, [(left, right) for left, right in merges]
