# SPDX-License-Identifier: MIT
"""HDF5 datasets and hierarchies."""
from measure import ARRAYFS, OUT, PYTHON, Mount, cat_to_file, compare, make, run, tell, timed, wait_read_ahead

CUBES = {
    "shuffle + deflate 4": "chunks=(8, 128, 128), shuffle=True, compression='gzip', compression_opts=4",
    "shuffle + deflate 1": "chunks=(1, 1024, 1024), shuffle=True, compression='gzip', compression_opts=1",
    "chunked": "chunks=(8, 128, 128)",
    "contiguous": "",
}


def cube(name):
    """1 GiB of float32, 256 x 1024 x 1024, in one dataset."""
    return make(f"cube-{name.replace(' ', '').replace('+', '-')}.h5", f"""
import sys, numpy as np, h5py
rng = np.random.default_rng(1)
with h5py.File(sys.argv[1], "w") as f:
    d = f.create_dataset("cube", (256, 1024, 1024), "f4", {CUBES[name]})
    x, y = np.meshgrid(np.linspace(0, 9, 1024), np.linspace(0, 9, 1024))
    for i in range(256):
        d[i] = np.round(np.sin(x + i / 40) * np.cos(y) * 100 + rng.standard_normal((1024, 1024)), 2)""")


def case_hdf5(runs):
    """1 GiB of float32, 256 x 1024 x 1024, to a file, against h5py in slabs of 8 planes"""
    code = """
import sys, h5py
with h5py.File(sys.argv[1]) as f, open(sys.argv[2], "r+b") as out:
    for i in range(0, 256, 8): out.write(f["cube"][i:i + 8].data)"""
    for name in CUBES:
        path = cube(name)
        tell(f"hdf5 {name}", f"arrayfs --cat {path.name} cube", "python: h5py, slabs of 8 planes",
             compare(max(1, runs // 3), lambda: timed(lambda: cat_to_file(path, "cube")),
                     lambda: timed(lambda: run(PYTHON, "-c", code, path, OUT))), "4" if "deflate" in name else "1.5")


def case_hdf5_threads(runs):
    """8 readers of 8 parts of a dataset through one mount, against 8 threads and 8 processes with h5py"""
    ours = """
import os, sys, threading
def read(part):
    fd, buffer = os.open(sys.argv[1], os.O_RDONLY), bytearray(1 << 20)
    for i in range(128): os.preadv(fd, [buffer], (part * 128 + i) << 20)
readers = [threading.Thread(target=read, args=(part,)) for part in range(8)]
for r in readers: r.start()
for r in readers: r.join()"""
    theirs = """
import sys, h5py, threading, multiprocessing
def read(part):
    with h5py.File(sys.argv[1]) as f:
        for i in range(part * 32, part * 32 + 32, 8): f["cube"][i:i + 8]
def read_shared(part):
    for i in range(part * 32, part * 32 + 32, 8): shared["cube"][i:i + 8]
if sys.argv[2] == "threads":
    shared = h5py.File(sys.argv[1])
    readers = [threading.Thread(target=read_shared, args=(part,)) for part in range(8)]
else:
    readers = [multiprocessing.get_context("fork").Process(target=read, args=(part,)) for part in range(8)]
for r in readers: r.start()
for r in readers: r.join()"""
    for name in CUBES:
        if "deflate" not in name:
            continue
        path = cube(name)

        def through():
            with Mount(ARRAYFS, "-f", path) as m:
                wait_read_ahead(m.point)
                return timed(lambda: run(PYTHON, "-c", ours, m.point / "cube"))
        for kind, goal in (("threads", "4"), ("processes", "2")):
            tell(f"hdf5 {name}, 8 {kind}", "8 readers of a mount", f"python: h5py, 8 {kind}",
                 compare(max(1, runs // 3), through,
                         lambda: timed(lambda: run(PYTHON, "-c", theirs, path, kind))), goal)


def case_hdf5_strided(runs):
    """A quarter of every other plane of a dataset through a mount, against h5py"""
    path = cube("shuffle + deflate 1")
    ours = """
import os, sys
fd, buffer = os.open(sys.argv[1], os.O_RDONLY), bytearray(1 << 20)
for i in range(0, 256, 2): os.preadv(fd, [buffer], i << 22)"""
    theirs = """
import sys, h5py
with h5py.File(sys.argv[1]) as f:
    for i in range(0, 256, 2): f["cube"][i, :256]"""

    def through():
        with Mount(ARRAYFS, "-f", path) as m:
            wait_read_ahead(m.point)
            return timed(lambda: run(PYTHON, "-c", ours, m.point / "cube"))
    tell("hdf5 shuffle + deflate 1, strided", "reader of a mount", "python: h5py",
         compare(max(1, runs // 3), through, lambda: timed(lambda: run(PYTHON, "-c", theirs, path))), None)


def case_hdf5_list(runs):
    """Listing 100,000 datasets, against h5py's visititems"""
    path = make("many.h5", """
import sys, h5py
with h5py.File(sys.argv[1], "w", libver="latest") as f:
    for g in range(100):
        group = f.create_group(f"group{g}")
        for i in range(1000): group.create_dataset(f"dataset{i}", (4,), "f4")""")
    code = """
import sys, h5py
n = 0
def count(name, o):
    global n
    n += isinstance(o, h5py.Dataset)
h5py.File(sys.argv[1]).visititems(count)
print(n)"""
    tell("hdf5, list 100,000 datasets", f"arrayfs --list {path.name}", "python: visititems",
         compare(max(1, runs // 3), lambda: timed(lambda: run(ARRAYFS, "--list", path)),
                 lambda: timed(lambda: run(PYTHON, "-c", code, path))), "20")
