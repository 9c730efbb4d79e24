"""The base class of all settings, and the types that its fields are made of."""
