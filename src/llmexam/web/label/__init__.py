"""The page where people accept, correct or reject questions, several at the same time."""
