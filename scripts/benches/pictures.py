# SPDX-License-Identifier: MIT
"""Pictures of arrays: a large matrix of float32, and one of bfloat16 of which some rows are read."""

from measure import PYTHON, cat_to_file, compare, make, run, tell, timed

FLOATS = """
import sys, numpy as np
a = np.lib.format.open_memmap(sys.argv[1], "w+", "f4", (8192, 8192))
a[:] = np.random.default_rng(1).standard_normal(a.shape, "f4")"""

HALVES = """
import sys, json, numpy as np, ml_dtypes
header = json.dumps({"w": {"dtype": "BF16", "shape": [32768, 32768], "data_offsets": [0, 1 << 31]}}).encode()
some = np.random.default_rng(1).standard_normal(1 << 24, "f4").astype(ml_dtypes.bfloat16).tobytes()
with open(sys.argv[1], "wb") as f:
    f.write(len(header).to_bytes(8, "little") + header)
    for _ in range(64):
        f.write(some)"""

# What a notebook does before it draws: the means, and their percentiles.
MEANS = """
import sys, numpy as np, ml_dtypes
a = np.memmap(sys.argv[1], {dtype}, "r", offset={offset}, shape=({side}, {side}))
each = {side} // 1024
cells = np.stack([a[i * each:(i + 1) * each].astype("f4").reshape(each, 1024, each).mean((0, 2)) for i in range(1024)])
np.percentile(cells, [1, 99])"""


def case_pictures(runs):
    """.arrayfs/png of 268 MB of float32 and 2 GB of bfloat16, against NumPy's means alone; whole processes"""
    for what, name, view, write, dtype, offset, side in (
            ("268 MB of float32", "square.npy", "data", FLOATS, '"f4"', 128, 8192),
            ("2 GB of bfloat16, of which 256 MiB are read", "square.safetensors", "w", HALVES, "ml_dtypes.bfloat16", 90, 32768)):
        path = make(name, write)
        means = MEANS.format(dtype=dtype, offset=offset, side=side)
        tell(f"picture, {what}", "arrayfs --cat, whole process", "the means and percentiles by NumPy, whole process",
             compare(runs, lambda: timed(lambda: cat_to_file(path, f".arrayfs/png/{view}.png")),
                     lambda: timed(lambda: run(PYTHON, "-c", means, path))), "4")
