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


def sizes(folder):
    """Addresses and lengths of other than 8 bytes: sizes-ADDRESS-LENGTH.h5."""
    import h5py
    import numpy as np
    F, P = h5py.h5f, h5py.h5p
    for address, length, bounds in ((4, 8, (F.LIBVER_EARLIEST, F.LIBVER_LATEST)), (8, 4, (F.LIBVER_EARLIEST, F.LIBVER_LATEST)),
                                    (2, 4, (F.LIBVER_LATEST,) * 2)):
        fcpl, fapl = P.create(P.FILE_CREATE), P.create(P.FILE_ACCESS)
        fcpl.set_sizes(address, length)
        fapl.set_libver_bounds(*bounds)
        path = "%s/sizes-%d-%d.h5" % (folder, address, length)
        with h5py.File(F.create(path.encode(), F.ACC_TRUNC, fcpl=fcpl, fapl=fapl)) as f:
            f["x"] = np.arange(6, dtype="<i4")
            f["g/y"] = np.float32(2.5)
            f["x"].attrs["unit"], f["x"].attrs["many"] = "km", np.array(["a", "bc"], dtype=object)
            f.create_dataset("text", data=["one", "three", ""], dtype=h5py.string_dtype())
            f.create_dataset("filled", shape=(3,), dtype=h5py.string_dtype(), fillvalue="fill", chunks=(2,))
            f.create_dataset("chunks", data=np.arange(9, dtype="u1"), chunks=(2,), compression="gzip")
            f["ref"] = np.array([f["x"].ref], dtype=h5py.ref_dtype)
            if address == 2:
                layout = h5py.VirtualLayout((6,), "<i4")
                layout[:] = h5py.VirtualSource(".", "x", (6,))
                f.create_virtual_dataset("v", layout)


def numbers(path):
    """Numbers that numpy has no name for, in either order of bytes."""
    import h5py
    import numpy as np
    T = h5py.h5t
    with h5py.File(path, "w") as f:
        for name, order in (("le", T.ORDER_LE), ("be", T.ORDER_BE)):
            ld = T.NATIVE_LDOUBLE.copy()
            ld.set_order(order)
            cld = T.create(T.COMPOUND, 32)
            cld.insert(b"r", 0, ld)
            cld.insert(b"i", 16, ld)
            three, n17 = T.STD_I32LE.copy(), T.STD_I32LE.copy()
            three.set_size(3)
            n17.set_precision(17)
            n17.set_offset(3)
            for k, t in (("ld", ld), ("cld", cld), ("three", three), ("n17", n17)):
                if k[0] not in "lc":
                    t.set_order(order)
                h5py.h5d.create(f.id, (k + name).encode(), t, h5py.h5s.create_simple((2,)))
        f["ldle"][...] = np.array([1.5, -2], "longdouble")
