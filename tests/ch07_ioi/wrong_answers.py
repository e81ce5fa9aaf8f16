"""Mistakes that chapter 7's graders must refuse, each in words that name it."""

from .variants import gather

WRONG = gather("WRONG")
