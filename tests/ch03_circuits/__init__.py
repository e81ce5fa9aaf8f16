"""Graders of chapter 3, one file for each file of the chapter, and for some of its exercises."""
