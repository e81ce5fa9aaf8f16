"""Three views of the real model on one text: attention patterns, logit lens, attribution."""
