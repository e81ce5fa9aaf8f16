"""The desk: what a learner's terminal says about where they are and what comes next."""
