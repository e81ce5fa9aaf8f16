"""Shared code of the recipes: a toy's folder holds its weights, its card and what is its own.

`files` writes what every recipe writes; `attention_only`, `induction` and `ioi` each train a family
of toys.
"""
