"""Files on disk: whole or not at all, known by their content, one writer at a time."""
