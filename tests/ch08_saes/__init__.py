"""Graders of chapter 8, one file for each file of the chapter, or for a few."""
