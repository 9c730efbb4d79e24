"""Language models that write texts: one interface for local models and endpoints."""
