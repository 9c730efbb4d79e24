"""Run a plan: from an exam and solvers to a graded report in one folder."""
