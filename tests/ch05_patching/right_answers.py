"""Answers written another way, which chapter 5's graders must accept."""

from .variants import gather

RIGHT = gather("RIGHT")
