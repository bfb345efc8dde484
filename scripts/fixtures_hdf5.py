# SPDX-License-Identifier: MIT
"""More HDF5 fixtures for scripts/fixtures.py."""


def paths(path):
    """Datasets of every form that several paths of groups lead to, two of them through a
    circle of groups that neither of which is above the other."""
    import h5py
    import numpy as np
    with h5py.File(path, "w") as f:
        a = f.create_group("a")
        a["d"] = np.arange(3, dtype="<i4")
        a["none"] = h5py.Empty("<i4")
        a["type"] = np.dtype("<i2")
        a["pair"] = np.array([(1, 2.5)], dtype=[("i", "<i2"), ("x/y", "<f4")])
        a.create_dataset("text", data=["one", "two"], dtype=h5py.string_dtype())
        a["link"] = h5py.SoftLink("/only/s")
        a["up"] = f["/"]
        f["b"] = a                                      # a and b: 2 paths
        f["c/in"] = a                                   # and c/in: 3
        f["only/s"] = np.uint8(7)
        f["only/more"] = f["a/d"]                       # 4 names
        f["only/mine"] = f["only/s"]                    # 2 names in a group of one path
        p, q = f.create_group("p"), f.create_group("q")
        p["to"], q["to"] = q, p                         # p, q, p/to, q/to; p/to/to is a link
        p["x"] = np.arange(2, dtype="u1")
        q["y"] = np.arange(2, dtype="u1")
