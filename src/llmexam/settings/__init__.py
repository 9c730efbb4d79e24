"""Base class of all settings, and the types of its fields."""
