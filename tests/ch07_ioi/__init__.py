"""Graders of chapter 7, one file for each exercise, or for a few of a kind."""
