"""Graders of the exercises, and the project's own tests."""
