"""Experiments on neurons and attention of the real model, for chapter 12."""
