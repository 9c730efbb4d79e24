"""What families share that learn to write the prompts of rewrites: examples and grading."""
