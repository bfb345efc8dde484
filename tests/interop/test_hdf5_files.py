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


def told(path, name, why):
    """Listed with the reason, and refused for it."""
    entry, = [o for o in listed(path) if o["path"] == name]
    assert entry["error"] == why and "fill_value" in entry, entry
    p = arrayfs("--cat", path, name, code=1)
    assert why.encode() in p.stderr, p.stderr


def test_why_other_files_cannot_be_used_is_told_when_they_are_read():
    with folder() as tmp:
        with h5py.File(tmp / "s.h5", "w") as f:
            f["s"] = np.array([b"abc", b"de"], "S5")
        layout = h5py.VirtualLayout((2,), "<i4")
        layout[:] = h5py.VirtualSource("s.h5", "s", (2,), "<i4")
        with h5py.File(tmp / "v.h5", "w", libver="latest") as f:
            f.create_virtual_dataset("v", layout)
        told(tmp / "v.h5", "v", "a virtual dataset whose source has another datatype")
        with h5py.File(tmp / "e.h5", "w") as f:
            f.create_dataset("e", (4,), "<i4", external=[("e.bin", 0, 16)])
        data = bytearray((tmp / "e.h5").read_bytes())
        at = next(i for i in range(len(data)) if data[i:i + 2] == b"\x07\0" and data[i + 8:i + 12] == b"\1\0\0\0" and 16 < data[i + 2] < 200)
        data[at + 8] = 9    # its version
        (tmp / "e.h5").write_bytes(data)
        told(tmp / "e.h5", "e", "a list of external files of version 9")


def test_a_node_of_two_parents_is_listed_once():
    with folder() as tmp:
        names = ["n%02d" % i for i in range(40)]
        with h5py.File(tmp / "g.h5", "w", libver=("earliest", "v108")) as f:
            for name in names:
                f.create_group("g/" + name)
        data = bytearray((tmp / "g.h5").read_bytes())
        trees = [i for i in range(len(data)) if data[i:i + 6] == b"TREE\0\0" and int.from_bytes(data[i + 6:i + 8], "little") > 2]
        at, = trees     # entries: key, child, key, child ...
        data[at + 24 + 8 + 16:at + 24 + 16 + 16] = data[at + 24 + 8:at + 24 + 16]
        (tmp / "g.h5").write_bytes(data)
        shown = {o["path"]: o.get("error") for o in listed(tmp / "g.h5", "g", inner=True) if o["path"].startswith("g/")}
        assert "has two parents" in shown.pop("g/_"), shown
        assert 20 < len(shown) < 40 and set(shown) <= {"g/" + n for n in names}, shown


if __name__ == "__main__":
    run_all([f for name, f in list(globals().items()) if name.startswith("test_")])
    done()
