"""The task multiple choice: solvers rank the options of each question."""
