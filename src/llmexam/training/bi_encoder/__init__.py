"""Training of bi-encoders with contrastive losses."""
