"""What families share that train decoders on exams: prompts of questions as examples."""
