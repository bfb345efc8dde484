# SPDX-License-Identifier: MIT
"""Arrays of a compressed .npz, each of which is one stream that only one processor can inflate."""
import os
import resource
import subprocess

from measure import ARRAYFS, OUT, PYTHON, Mount, cat_to_file, forget, make, pairs, read_through, run, tell, timed

MEMBERS = 8


def archive():
    """1 GiB of float32 in 8 arrays of 128 MiB."""
    return make("deflated.npz", f"""
import sys, numpy as np
rng = np.random.default_rng(1)
x = np.linspace(0, 9, 1 << 25, dtype=np.float32)
np.savez_compressed(open(sys.argv[1], "wb"), **{{
    f"a{{i}}": np.round(np.sin(x * 50 * (i + 1)) * 100 + rng.standard_normal(1 << 25, dtype=np.float32), 2) for i in range({MEMBERS})}})""")


def worked(action):
    """Wall and processor seconds of the processes that it runs."""
    def used():
        u = resource.getrusage(resource.RUSAGE_CHILDREN)
        return u.ru_utime + u.ru_stime
    before = used()
    wall = timed(action)
    return wall, used() - before


def tell_both(case, us, peer, runs, ours, theirs, goal):
    """Both in turn, after one round that is not counted; then the processor time of the same runs."""
    times = [(worked(ours), worked(theirs)) for _ in range(runs + 1)][1:]
    tell(case, us, peer, pairs([(a[0], b[0]) for a, b in times]), goal)
    tell(case + ", processor", us, peer, pairs([(a[1], b[1]) for a, b in times]), None)


def case_npz(runs):
    """1 GiB of a compressed .npz in 8 arrays: one, all, 1 % of one, against numpy.load"""
    path, folder = archive(), OUT.with_suffix(".d")
    one = "import sys, numpy as np; np.load(sys.argv[1])['a3'].tofile(open(sys.argv[2], 'r+b'))"
    tell_both("npz, one array of 128 MiB", f"arrayfs --cat {path.name} a3", "python: numpy.load, tofile", runs,
              lambda: cat_to_file(path, "a3"), lambda: run(PYTHON, "-c", one, path, OUT), "2.3")
    threads = """
import sys, numpy as np, concurrent.futures
def extract(name): np.load(sys.argv[1])[name].tofile(f"{sys.argv[2]}/{name}")
with concurrent.futures.ThreadPoolExecutor(int(sys.argv[3])) as pool:
    list(pool.map(extract, np.load(sys.argv[1]).files))"""
    try:
        run(ARRAYFS, "--extract", "--force", path, folder)
        for n, goal in ((2, "1.8"), (1, "3.3")):
            tell_both(f"npz, all arrays, numpy: {n} thread{'s' * (n > 1)}", f"arrayfs --extract {path.name}",
                      f"python: numpy.load, tofile, {n} threads", max(1, runs // 2),
                      lambda: run(ARRAYFS, "--extract", "--force", path, folder),
                      lambda: run(PYTHON, "-c", threads, path, folder, str(n)), goal)
    finally:
        subprocess.run(["rm", "-rf", folder], check=True)
    part = "import sys, numpy as np; a = np.load(sys.argv[1])['a3']; a[len(a) // 2:len(a) // 2 + len(a) // 100].tofile(sys.argv[2])"
    with Mount(ARRAYFS, "-f", path) as m:
        file = m.point / "a3"
        size = os.path.getsize(file)
        read_through(file)

        def ours():
            forget(file)
            return timed(lambda: read_through(file, size // 2, size // 100))
        times = [(ours(), timed(lambda: run(PYTHON, "-c", part, path, OUT))) for _ in range(runs + 1)][1:]
    tell("npz, 1 % of one, mounted", "1 % from the middle, the kernel's pages dropped", "python: numpy.load, slice, tofile", pairs(times), "50")
