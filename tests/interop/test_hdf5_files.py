#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which files are HDF5, wherever their signature stands, whatever they are called; and the
other files that one may need."""
import os
import subprocess

from tap import ARRAYFS, arrayfs, comment, done, folder, listed, need, run_all

h5py, np = need("h5py", "numpy")

VALUES = np.arange(7, dtype="<i4")


def make(path, block, text=b"#!/bin/sh\n"):
    with h5py.File(path, "w", userblock_size=block) as f:
        f["d"] = VALUES
        f.create_dataset("t", data=["one", "two"], dtype=h5py.string_dtype())
    with open(path, "r+b") as f:
        f.write(text)


def test_user_blocks_of_any_size_in_files_of_any_name():
    with folder() as tmp:
        os.mkdir(tmp / "d")
        sizes = [1 << n for n in (*range(9, 25), 30)]
        names = []
        for i, block in enumerate(sizes):
            names.append(("block%d.bin", "block%d", "block%d.txt")[i % 3] % block)
            make(tmp / "d" / names[-1], block)
        for name in names:
            assert arrayfs("--cat", tmp / "d" / name, "d").stdout == VALUES.tobytes(), name
        for source in (tmp / "d",):
            told = {o["path"] for o in listed(source)}
            want = {"%s/%s" % (n, p) for n in names for p in ("d", "t/offsets", "t/values")}
            assert told == want, told ^ want


def test_other_files_pass_through():
    with folder() as tmp:
        os.mkdir(tmp / "d")
        signature = b"\x89HDF\r\n\x1a\n"
        files = {"zeros": b"\0" * 100000, "text.txt": b"words\n" * 20000, "between.bin": b"\0" * 5000 + signature + b"\0" * 5000,
                 "cut.bin": b"\0" * 4096 + signature[:7], "short": b"x"}
        for name, data in files.items():
            (tmp / "d" / name).write_bytes(data)
        with open(tmp / "d" / "sparse", "wb") as f:
            f.truncate(1 << 42)
        told = {o["path"]: o for o in listed(tmp / "d")}
        assert set(told) == set(files) | {"sparse"}
        assert not any("error" in o for o in told.values()), told
        for name, data in files.items():
            assert arrayfs("--cat", tmp / "d", name).stdout == data, name


def test_a_sparse_file_costs_a_look_for_each_doubling():
    with folder() as tmp:
        os.mkdir(tmp / "d")
        with open(tmp / "d" / "sparse", "wb") as f:
            f.truncate(1 << 40)
        try:
            run = subprocess.run(["strace", "-f", "-e", "trace=pread64", ARRAYFS, "--list", tmp / "d"], capture_output=True, text=True)
        except FileNotFoundError:
            comment("no strace")
            return
        looks = [line for line in run.stderr.splitlines() if "pread64(" in line and ", 8, " in line]
        assert 0 < len(looks) <= 30, len(looks)


def test_a_signature_alone_is_no_file():
    """What begins as HDF5 and is none is told, and still passes through."""
    with folder() as tmp:
        os.mkdir(tmp / "d")
        data = b"\0" * 8192 + b"\x89HDF\r\n\x1a\n" + b"\xff" * 200
        (tmp / "d" / "x.bin").write_bytes(data)
        assert b"superblock version 255" in arrayfs("--list", tmp / "d" / "x.bin", code=1).stderr
        assert arrayfs("--cat", tmp / "d", "x.bin").stdout == data


def test_sources_that_many_mappings_name_in_turns_are_opened_once():
    """A process has 65,530 mappings of memory, two for each file that is open."""
    count = 36000
    with folder() as tmp:
        for k in range(2):
            with h5py.File(tmp / ("s%d.h5" % k), "w") as f:
                f["d"] = np.arange(count // 2, dtype="<i4") * 2 + k
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        for i in range(count):
            to, source = h5py.h5s.create_simple((count,)), h5py.h5s.create_simple((count // 2,))
            to.select_hyperslab((i,), (1,))
            source.select_hyperslab((i // 2,), (1,))
            plist.set_virtual(to, b"s%d.h5" % (i % 2), b"d", source)
        with h5py.File(tmp / "v.h5", "w") as f:
            h5py.h5d.create(f.id, b"v", h5py.h5t.STD_I32LE, h5py.h5s.create_simple((count,)), plist)
        with h5py.File(tmp / "v.h5") as f:
            want = f["v"][:].tobytes()
        assert arrayfs("--cat", tmp / "v.h5", "v").stdout == want


if __name__ == "__main__":
    run_all([f for name, f in list(globals().items()) if name.startswith("test_")])
    done()
