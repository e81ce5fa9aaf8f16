"""Graders of chapter 4, one file for each exercise, or for a few of a kind."""
