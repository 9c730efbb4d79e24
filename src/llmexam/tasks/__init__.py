"""Tasks: what an exam asks for, how it is answered, graded and reported."""
