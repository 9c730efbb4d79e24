"""Language models, loaded in one place."""

import os

# OpenMP's threads spin while they wait for one another; where other processes want the same
# cores, that made embedding four times slower here. It must be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
