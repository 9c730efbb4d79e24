"""Progress and metrics of a training, told to whoever keeps them."""
