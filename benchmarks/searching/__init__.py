"""What `benchmarks/search.py` is made of: problems, peers, traces, statistics.

Importing it pins numeric libraries to one thread, so import it before numpy: CPU seconds then mean something, and
runs beside each other don't fight for cores.
"""

import os

ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM")}
os.environ.update(ONE_THREAD)
