"""What adapters share about config.json: names of activations, and settings nobody here knows."""

from typing import Any

OUR_NAMES = {
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
}


def activation_name(theirs: str) -> str:
    """Our name of an activation that config.json names.

    Raises: ValueError for one that we do not have.
    """
    if theirs not in OUR_NAMES:
        raise ValueError(f"unknown activation {theirs!r}; known are {', '.join(OUR_NAMES)}")
    return OUR_NAMES[theirs]


def refuse(settings: dict[str, Any], **expected: Any) -> None:
    """Raise ValueError for a setting that would change the model in a way nobody built here."""
    for name, value in expected.items():
        came = settings.get(name, value)
        if came != value:
            raise ValueError(f"{name}={came!r} in config.json is not supported; only {value!r} is")
