"""Sections of a report: each has its data, its template and its terminal output."""
