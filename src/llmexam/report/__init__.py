"""Reports: tables for the terminal, and a self-contained HTML file."""
