"""Indexes in parts: each part is an index folder, and all are searched with common statistics."""
