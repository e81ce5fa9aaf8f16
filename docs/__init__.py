"""The textbook: pages, figures and the Markdown extension that joins them to the code."""
