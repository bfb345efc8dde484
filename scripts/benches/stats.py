# SPDX-License-Identifier: MIT
"""Statistics of every tensor, beside numpy with ml_dtypes."""
from measure import ARRAYFS, PYTHON, compare, make, run, tell, timed

PEER = """
import sys, numpy as np, ml_dtypes
from safetensors import safe_open
with safe_open(sys.argv[1], framework="numpy") as f:
    for name in f.keys():
        a = f.get_tensor(name)
        x = a.astype(np.float32)
        finite = np.isfinite(x)
        x = x if finite.all() else x[finite]
        print(name, a.size, x.min(), x.max(), x.mean(dtype=np.float64), x.std(dtype=np.float64), np.count_nonzero(x == 0), np.isnan(x).sum(), (~finite).sum())
"""


def case_stats(runs):
    """stats of 2 GB of bfloat16, against numpy with ml_dtypes"""
    path = make("stats.safetensors", """
import sys, numpy as np, ml_dtypes
from safetensors.numpy import save_file
rng = np.random.default_rng(1)
one = (rng.standard_normal((4096, 4096), np.float32) * 0.02).astype(ml_dtypes.bfloat16)
save_file({f"layers.{i}.weight": one for i in range(64)}, sys.argv[1])""")
    run("cat", path)
    tell("stats of 2 GB of bfloat16", f"arrayfs stats {path.name}", "python: numpy, ml_dtypes",
         compare(runs, lambda: timed(lambda: run(ARRAYFS, "stats", path)), lambda: timed(lambda: run(PYTHON, "-c", PEER, path))), "18")
