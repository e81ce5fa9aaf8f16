"""Mistakes that chapter 5's graders must refuse, each in words that name it."""

from .variants import gather

WRONG = gather("WRONG")
