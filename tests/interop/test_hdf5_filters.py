#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Filters that are not built in: the listing and every read name them first, whatever else
could not be had: memory for the chunk, what another filter makes of it, a sum."""
from tap import arrayfs, done, folder, listed, need, run_all

h5py, np = need("h5py", "numpy")

BLOSC2 = "the filter blosc2 (32026) is not built in"


def packed(f, name, t, count, filters):
    """One chunk, which no filter has made."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((count,))
    for i in filters:
        plist.set_filter(i, h5py.h5z.FLAG_OPTIONAL, (4,) if i == 1 else (1, 2))
    d = h5py.h5d.create(f.id, name.encode(), t, h5py.h5s.create_simple((count,)), plist)
    d.write_direct_chunk((0,), b"packed", 0)


def test_bytes_behind_a_bzip2_stream_are_ignored():
    import bz2
    hdf5plugin, = need("hdf5plugin")
    array = np.arange(5000, dtype="<i8")
    with folder() as tmp:
        with h5py.File(tmp / "f.h5", "w") as f:
            d = f.create_dataset("d", array.shape, array.dtype, chunks=array.shape, **hdf5plugin.BZip2())
            d.id.write_direct_chunk((0,), bz2.compress(array.tobytes()) + b"more")
        with h5py.File(tmp / "f.h5") as f:
            assert (f["d"][...] == array).all()
        assert arrayfs("--cat", tmp / "f.h5", "d").stdout == array.tobytes()


def test_the_filter_is_the_first_reason():
    number, pair = h5py.h5t.STD_I32LE, h5py.h5t.py_create(np.dtype([("a", "<i4"), ("b", "<f4")]))
    text = h5py.h5t.py_create(h5py.string_dtype(), logical=True)
    cases = {"small": (number, 1000, (32026,), BLOSC2), "large": (number, 1 << 28, (32026,), BLOSC2),
             "before": (number, 1000, (1, 32026), BLOSC2), "after": (number, 1 << 28, (32026, 1), BLOSC2),
             "between": (number, 1000, (2, 32026, 3), BLOSC2), "two": (number, 1000, (32026, 305), BLOSC2),
             "zfp": (number, 1 << 28, (32013,), "the filter zfp (32013) is not built in"),
             "lzo": (number, 1000, (305,), "the filter lzo (305) is not built in"),
             "unknown": (number, 1 << 28, (32099,), "filter 32099 is unknown"),
             "pair": (pair, 1 << 27, (32026,), BLOSC2), "text": (text, 1 << 25, (32026,), BLOSC2), "few": (text, 10, (32026,), BLOSC2)}
    inside = {"pair": ("pair/a", "pair/b"), "text": ("text/offsets", "text/values"), "few": ("few/offsets", "few/values")}
    with folder() as tmp:
        with h5py.File(tmp / "f.h5", "w", libver="latest") as f:
            for name, (t, count, filters, why) in cases.items():
                packed(f, name, t, count, filters)
        told = {o["path"]: o for o in listed(tmp / "f.h5")}
        for name, (t, count, filters, why) in cases.items():
            assert all(told[p]["error"] == why for p in inside.get(name, (name,))), (name, told)
            for p in inside.get(name, (name,)):
                said = arrayfs("--cat", tmp / "f.h5", p, code=1).stderr.decode()
                assert said.endswith(why + "\n"), (p, said)


def test_what_was_never_filtered_reads():
    with folder() as tmp:
        with h5py.File(tmp / "f.h5", "w") as f:
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_chunk((4,))
            plist.set_filter(32026, h5py.h5z.FLAG_OPTIONAL, (1, 2, 3))
            d = h5py.h5d.create(f.id, b"d", h5py.h5t.STD_I32LE, h5py.h5s.create_simple((8,)), plist)
            d.write_direct_chunk((0,), np.arange(4, dtype="<i4").tobytes(), 1)
        assert arrayfs("--cat", tmp / "f.h5", "d").stdout == np.array([0, 1, 2, 3, 0, 0, 0, 0], "<i4").tobytes()


if __name__ == "__main__":
    run_all([f for name, f in list(globals().items()) if name.startswith("test_")])
    done()
