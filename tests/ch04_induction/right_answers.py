"""Answers written another way, which chapter 4's graders must accept."""

from .variants import gather

RIGHT = gather("RIGHT")
