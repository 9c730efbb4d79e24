"""Language models, loaded in one place."""

import logging
import os

# OpenMP's threads spin while they wait for one another; where other processes want the same
# cores, that made embedding four times slower here. It must be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# At its import, which peft and sentence-transformers cause wherever it is installed, bitsandbytes
# asks for a package with a kernel that is not used here.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
