"""Exams: questions, their answers, and the files they come from."""
