"""Graders of chapter 5, one file for each exercise, or for a few of a kind."""
