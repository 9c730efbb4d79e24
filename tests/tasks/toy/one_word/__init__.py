"""Task `one-word`: an exam whose answers are single words."""
