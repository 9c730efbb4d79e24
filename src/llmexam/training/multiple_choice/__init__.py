"""Training of models for solver `multiple-choice`."""
