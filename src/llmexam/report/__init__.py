"""Reports: a table for the terminal, and one HTML file that opens offline."""
