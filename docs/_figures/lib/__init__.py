"""Shared by the figure scripts: the theme, the plots, the files they write, cached steps."""
