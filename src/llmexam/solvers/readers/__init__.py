"""What families share that score each option with a trained reader (`llmexam.lm.readers`)."""
