#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""verify beside the libraries that write the checksums: whatever byte is bent, what
pyarrow, h5py or zipfile refuses is a fault, and a file that they wrote is whole.
"""
import json
import os
import random
import sys
import zipfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import arrayfs, done, folder, need, run_all  # noqa: E402

np, pa, pq, feather, h5py = need("numpy", "pyarrow", "pyarrow.parquet", "pyarrow.feather", "h5py")

RNG = np.random.default_rng(1)
TABLE = pa.table({"x": RNG.standard_normal(4000), "s": [f"word {i}" * (i % 4) for i in range(4000)],
                  "l": [list(range(i % 5)) for i in range(4000)], "n": pa.array([None if i % 3 else i for i in range(4000)])})


def verdict(path):
    r = arrayfs("verify", path, code=None)
    assert r.returncode in (0, 1), r.stderr
    assert bool(r.stdout) == (r.returncode == 1) and not r.stderr, (r.stdout, r.stderr)
    return r.returncode


def refused(read, path):
    try:
        read(path)
    except Exception:
        return True
    return False


def bend(path, read, places):
    """Each place is bent in turn: where the library refuses the file, verify finds a fault.  How often that was."""
    data = open(path, "rb").read()
    assert not refused(read, path) and verdict(path) == 0
    found = 0
    for at in places:
        bent = bytearray(data)
        bent[at] ^= 1 << at % 8
        open(path, "wb").write(bent)
        if refused(read, path):
            assert verdict(path) == 1, f"byte {at} of {path.name}"
            found += 1
    open(path, "wb").write(data)
    return found


def sample(first, end, count):
    return sorted(random.Random(1).sample(range(first, end), count))


def pages_of_parquet():
    with folder() as f:
        for options in ({"compression": "zstd"}, {"compression": "none", "use_dictionary": False}, {"data_page_version": "2.0"}):
            path = f / "t.parquet"
            pq.write_table(TABLE, path, write_page_checksum=True, row_group_size=1500, **options)
            end = os.path.getsize(path) - 8 - int.from_bytes(open(path, "rb").read()[-8:-4], "little")
            found = bend(path, lambda p: pq.read_table(p, page_checksum_verification=True), sample(4, end, 30))
            assert found > 20, found


def chunks_and_metadata_of_hdf5():
    def read(path):
        with h5py.File(path) as f:
            def one(_, x):
                if isinstance(x, h5py.Dataset):
                    x[()]
                dict(x.attrs)
            assert len(f) == 3
            one("", f)
            f.visititems(one)
    with folder() as f:
        path = f / "f.h5"
        with h5py.File(path, "w", libver="latest") as h:
            h.create_dataset("fletcher", data=RNG.standard_normal(3000), chunks=(500,), fletcher32=True)
            h.create_dataset("both", data=RNG.integers(0, 9, (50, 60)), chunks=(20, 20), fletcher32=True, compression="gzip", shuffle=True)
            g = h.create_group("g")
            for i in range(12):
                g.attrs[f"attribute {i}"] = np.arange(i)
        found = bend(path, read, sample(0, os.path.getsize(path), 60))
        assert found > 30, found


def members_of_zip():
    def read(path):
        with zipfile.ZipFile(path) as z:
            assert z.testzip() is None
        with np.load(path) as z:
            return [z[n] for n in z.files]
    with folder() as f:
        for save in (np.savez, np.savez_compressed):
            path = f / "a.npz"
            save(path, x=RNG.integers(0, 50, 3000), empty=np.zeros((0, 3)), r=np.zeros(20, [("a", "i4"), ("b", "f8", 2)]))
            end = zipfile.ZipFile(path).start_dir
            assert bend(path, read, sample(0, end, 40)) > 30


def arrow_files():
    with folder() as f:
        path = f / "t.arrow"
        feather.write_feather(TABLE, path, compression="zstd")
        bend(path, feather.read_table, sample(0, os.path.getsize(path), 40))


def json_names_every_array():
    """As --list has them."""
    with folder() as f:
        path = f / "t.parquet"
        pq.write_table(TABLE, path)
        objects = [json.loads(line) for line in arrayfs("verify", "--json", path).stdout.splitlines()]
        assert {o["result"] for o in objects} == {"whole"}
        assert [o["path"] for o in objects if o["kind"] == "array"] == arrayfs("--list", path).stdout.decode().split()


run_all([pages_of_parquet, chunks_and_metadata_of_hdf5, members_of_zip, arrow_files, json_names_every_array])
done()
