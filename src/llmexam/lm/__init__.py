"""Language models: loading, encoders, trained encoders with heads, and decoders."""

import logging
import os

# OpenMP's threads spin while they wait, which made embedding four times slower when other
# processes used the same cores. This must be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# bitsandbytes, imported by peft and sentence-transformers, warns at import about a missing kernel
# package that is not used here.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
