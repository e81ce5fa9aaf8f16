"""Models whose weights are set by hand, for case studies whose graphs are known exactly."""
