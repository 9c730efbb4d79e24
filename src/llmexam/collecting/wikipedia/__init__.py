"""Documents from dumps of Wikipedia and other wikis, with counts of what a conversion loses."""
