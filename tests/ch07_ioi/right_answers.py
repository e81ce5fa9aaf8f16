"""Answers written another way, which chapter 7's graders must accept."""

from .variants import gather

RIGHT = gather("RIGHT")
