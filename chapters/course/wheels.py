"""Where PyTorch comes from: a rule for the set-up, and what the user has told pip already.

Plain `torch` from the Python index brings gigabytes of CUDA libraries on Linux. Where there is no
NVIDIA driver to use them, and the user has not chosen an index, PyTorch's own index of CPU builds
serves as well. macOS and Windows get a CPU build from the Python index anyway.
"""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
CHOICES = ("INDEX", "FIND_LINKS", "TORCH_BACKEND")


def torch_index() -> str | None:
    """The index to take PyTorch from, or None where the usual way is right."""
    if sys.platform != "linux" or has_nvidia_driver() or user_chose_an_index():
        return None
    return CPU_INDEX


def has_nvidia_driver() -> bool:
    """Say whether this machine could use the CUDA build."""
    return shutil.which("nvidia-smi") is not None or Path("/proc/driver/nvidia").exists()


def user_chose_an_index() -> bool:
    """Say whether packages come from somewhere of the user's own choice."""
    told = any(
        name.startswith(("PIP_", "UV_")) and any(choice in name for choice in CHOICES)
        for name, value in os.environ.items()
        if value
    )
    return told or any(
        "index" in name or "find-links" in name for name, value in pip_settings().items() if value
    )


def pip_find_links() -> list[str]:
    """The places that pip is told to look for wheels in, first the environment's, then the file's.

    pip separates them by white space.
    """
    return (os.environ.get("PIP_FIND_LINKS") or pip_settings().get("find-links", "")).split()


def pip_settings() -> dict[str, str]:
    """What pip's configuration files say; empty where there is no pip to ask."""
    answer = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    return read_settings(answer.stdout)


def read_settings(listing: str) -> dict[str, str]:
    """The lines of `pip config list`, by the bare name of the setting; variables are left out."""
    pairs = [line.partition("=")[::2] for line in listing.splitlines() if "='" in line]
    return {
        name.rpartition(".")[2]: ast.literal_eval(value)
        for name, value in pairs
        if not name.startswith(":env:")
    }
