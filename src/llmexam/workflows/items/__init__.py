"""Item analysis of exam files: from files and names of solvers to a report."""
