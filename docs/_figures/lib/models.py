"""Load a model together with its tokenizer."""

from pathlib import Path

from tokenizers import Tokenizer

from solutions.ch02_transformer import HookedTransformer, load_pretrained


def load_with_tokenizer(name_or_path: str | Path) -> tuple[HookedTransformer, Tokenizer]:
    """Load a pretrained model and its tokenizer.

    Raises: ValueError when the folder has no tokenizer.
    """
    model, tokenizer = load_pretrained(name_or_path)
    if tokenizer is None:
        raise ValueError(f"expected a model with a tokenizer, got {name_or_path} without one")
    return model, tokenizer
