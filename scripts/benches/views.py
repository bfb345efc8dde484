# SPDX-License-Identifier: MIT
"""The views: .npy files and text."""
import statistics
import subprocess

from measure import (ARRAYFS, DATA, OUT, PYTHON, RESULTS, Mount, cat_to_file, compare, make, read_through, run, say, tell, timed,
                     wait_read_ahead)
from contiguous import BIG_SIZE, big, many

# Tells its own time, so that no start of an interpreter is measured.
SAVETXT = """
import sys, time, numpy as np
a = np.memmap(sys.argv[1], sys.argv[2], 'r')
t = time.perf_counter()
np.savetxt(sys.argv[3], a, fmt=sys.argv[4])
print(time.perf_counter() - t)"""


def case_views(runs):
    """A .npy view against the raw file; text against numpy.savetxt"""
    path = big()
    often = max(runs, 9)
    with Mount(ARRAYFS, "-f", path) as m:
        raw, npy = m.point / "t3", m.point / ".arrayfs/npy/t3.npy"
        # The kernel gives better memory to what is read later, and a second pass
        # shows nothing else: both take their share of both.
        for at in range(0, BIG_SIZE, 4 << 20):
            read_through(raw, at, 4 << 20)
            read_through(npy, at, 4 << 20)
        tell("npy view, again, raw file", "read 128 KiB at a time", "the array's own file",
             compare(often, lambda: timed(lambda: read_through(npy)), lambda: timed(lambda: read_through(raw))), "0.95")

    def first(name):
        with Mount(ARRAYFS, "-f", path) as m:
            wait_read_ahead(m.point)
            return timed(lambda: read_through(m.point / name))

    tell("npy view, first, raw file", "read 128 KiB at a time", "the array's own file",
         compare(runs, lambda: first(".arrayfs/npy/t3.npy"), lambda: first("t3")), "0.95")
    numbers = make("numbers.safetensors", """
import sys, numpy as np
from safetensors.numpy import save_file
rng = np.random.default_rng(1)
save_file({"float32": rng.standard_normal(1_000_000).astype(np.float32), "int64": rng.integers(-2**62, 2**62, 1_000_000)}, sys.argv[1])""")
    for name, fmt in (("float32", "%.9g"), ("int64", "%d")):
        run(ARRAYFS, "--extract", "--force", numbers, DATA / "numbers", name)
        raw = DATA / "numbers" / name
        tell(f"text of a million {name}", "arrayfs --cat, whole process", f"numpy.savetxt, {fmt}, the call alone",
             compare(runs, lambda: timed(lambda: cat_to_file(numbers, f".arrayfs/text/{name}.txt")),
                     lambda: float(subprocess.run([PYTHON, "-c", SAVETXT, raw, name, OUT, fmt], check=True,
                                                  capture_output=True).stdout)), "5")


def case_listed(runs):
    """ls -lR and getfattr -dR over views of 90,000 tensors: what a look at each costs"""
    path = many()
    for what, command in (("ls -lR .arrayfs/npy", ["ls", "-lR", ".arrayfs/npy"]), ("ls -lR .arrayfs/json", ["ls", "-lR", ".arrayfs/json"]),
                          ("getfattr -dR .arrayfs/npy", ["getfattr", "-dR", ".arrayfs/npy"])):
        seconds = []
        for _ in range(min(runs, 3)):
            with Mount(ARRAYFS, "-f", path) as m:
                seconds.append(timed(lambda: subprocess.run(command, cwd=m.point, check=True, stdout=subprocess.DEVNULL)))
        RESULTS.append({"case": f"{what} of 90,000 tensors", "seconds": statistics.median(seconds)})
        say(f"{what:<34} {statistics.median(seconds) * 1e3:10.1f} ms")
