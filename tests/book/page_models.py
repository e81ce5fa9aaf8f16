"""The models that the code on a page loads."""

import re

import pytest

from solutions.ch02_transformer.pretrained.model_folders import find_folder


def skip_without_models(code: str) -> None:
    """Skip a test, with the command that fetches it, if the code loads a model that is missing."""
    for name in dict.fromkeys(re.findall(r'load_pretrained\("([^"]+)"', code)):
        try:
            find_folder(name)
        except ValueError as error:
            pytest.skip(str(error))
