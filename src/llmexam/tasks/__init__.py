"""Tasks: the kinds of exam, and how each is answered, graded and reported."""
