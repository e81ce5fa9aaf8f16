"""Graders of chapter 2, one file for each file of the chapter."""
