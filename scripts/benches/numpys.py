# SPDX-License-Identifier: MIT
"""NumPy's .npy and .npz, against NumPy."""
from measure import ARRAYFS, PYTHON, compare, make, run, tell, timed

ARRAYS, ELEMENTS = 64, 1 << 20

CODE = {
    ".npz": ("import sys, numpy as np\nfor name in np.load(sys.argv[1]).files: print(name)",
             "import sys, numpy as np\nsys.stdout.buffer.write(np.load(sys.argv[1])['layers/9/w'].tobytes())"),
    ".npy": ("import sys, numpy as np\na = np.load(sys.argv[1], mmap_mode='r'); print(a.dtype, a.shape)",
             "import sys, numpy as np\nsys.stdout.buffer.write(np.load(sys.argv[1]).tobytes())"),
}


def case_npy(runs):
    """Names and one array of 4 MiB, of a stored .npz of 256 MiB and of an .npy, against numpy.load: whole processes"""
    paths = {".npz": make("stored.npz", f"""
import sys, numpy as np
rng = np.random.default_rng(1)
np.savez(open(sys.argv[1], "wb"), **{{f"layers/{{i}}/w": rng.random({ELEMENTS}, np.float32) for i in range({ARRAYS})}})"""),
             ".npy": make("one.npy", f"""
import sys, numpy as np
np.save(open(sys.argv[1], "wb"), np.random.default_rng(1).random({ELEMENTS}, np.float32))""")}
    for kind, path in paths.items():
        array = "layers/9/w" if kind == ".npz" else "data"
        for what, ours, code in (("list", ["--list", path], CODE[kind][0]), ("cat 4 MiB of", ["--cat", path, array], CODE[kind][1])):
            tell(f"{what} {kind}", f"arrayfs {ours[0]} {path.name}", "python: numpy.load",
                 compare(runs, lambda ours=ours: timed(lambda: run(ARRAYFS, *ours)), lambda: timed(lambda: run(PYTHON, "-c", code, path))), "20")
