"""Labels of people who accept, correct or reject questions, and the agreement between them."""
