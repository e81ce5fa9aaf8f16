"""Graders of chapter 0: tensors, behaviour, saliency, probes, evidence and cause."""
