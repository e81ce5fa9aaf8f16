"""Graders of chapter 1: sparse features, toy models, geometry, phases, computation, circuits."""
