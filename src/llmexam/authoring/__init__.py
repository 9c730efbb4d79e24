"""Multiple-choice questions written from passages, checked, labelled and reported."""
