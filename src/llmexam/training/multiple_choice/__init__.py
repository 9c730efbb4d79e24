"""Train readers for solver `multiple-choice`."""
