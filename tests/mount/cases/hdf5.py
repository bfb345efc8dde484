# SPDX-License-Identifier: MIT
"""HDF5 groups with several paths, as tools see them."""
import os

from harness import *


def test_a_dataset_below_several_paths_of_a_group_is_one_inode(s):
    need("du")
    m = s.mount(os.path.join(DATA, "hdf5", "paths.h5")).path
    names = {}
    for folder, _, files in os.walk(m):
        for name in files:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                names.setdefault(os.lstat(path).st_ino, []).append(path)
    for paths in names.values():
        same({os.lstat(p).st_nlink for p in paths}, {len(paths)}, paths)
    for group in ((["a/d", "b/d", "c/in/d", "only/more"]), ["a/pair/i", "b/pair/i", "c/in/pair/i"],
                  ["a/text/values", "b/text/values", "c/in/text/values"], ["p/x", "q/to/x"]):
        same(len({os.lstat(os.path.join(m, p)).st_ino for p in group}), 1, group)
    whole = int(s.tool("du", "-sb", m).split()[0])
    once = sum(os.lstat(paths[0]).st_size for paths in names.values())
    links = sum(os.lstat(os.path.join(f, n)).st_size for f, ds, ns in os.walk(m) for n in ds + ns if os.path.islink(os.path.join(f, n)))
    same(whole, once + links)
