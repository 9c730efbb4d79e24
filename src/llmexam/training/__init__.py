"""Train solvers: a trainer for each family, and what all of them share."""
