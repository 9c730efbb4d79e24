"""The sections of a report: each owns what it shows, its template and its terminal output."""
