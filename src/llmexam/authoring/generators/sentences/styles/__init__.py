"""Writers of the styles: each takes a sentence and returns drafts of questions."""
