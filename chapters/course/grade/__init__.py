"""`mi grade`: grades a class on graders that no student can change."""
