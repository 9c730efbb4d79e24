"""Shipped for tests: fakes, and the check that every solver must pass."""
