# SPDX-License-Identifier: MIT
"""A directory of Parquet or Arrow files mounted as one table: what happens to its files
later.  The fixtures: by pyarrow, x is int32 from 0 to 49, y double .5; by datasets, 10 rows in
three files, of which id is int64 from 0 to 9."""
import errno
import json
import os
import shutil
import struct

from harness import *

FILE = read(os.path.join(DATA, "parquet", "pyarrow-required.parquet"))
X = struct.pack("<50i", *range(50))


def dataset(s, names, to="d"):
    for name in names:
        os.makedirs(os.path.dirname(s.path(to, name)), exist_ok=True)
        write(s.path(to, name), FILE)
    return s.path(to)


def part(m, name, number, width=4, rows=50):
    fd = os.open(m / name, os.O_RDONLY)
    try:
        return os.pread(fd, rows * width, number * rows * width)
    finally:
        os.close(fd)


def test_one_table_with_keys(s):
    m = s.mount(dataset(s, ["k=1/a.parquet", "k=-2/a.parquet", "b.parquet"]), "-o", "dataset")
    same(sorted(os.listdir(m.path)), ["k", "k.validity", "x", "y"])
    same(read(m / "x"), X * 3)
    same(read(m / "k"), struct.pack("<150q", *[0] * 50, *[-2] * 50, *[1] * 50))
    same(read(m / "k.validity"), bytes(50) + b"\1" * 100)
    same(os.getxattr(m / "k", "user.array.dtype"), b"int64")
    same(os.getxattr(m / "x", "user.array.shape"), b"[150]")
    same(os.getxattr(m.path, "user.arrayfs.format"), b"parquet")
    same(os.stat(m / "x").st_mode & 0o777, 0o444)


def later(s, change):
    """What lies in the one changed file is EIO, and the 4 KiB page that its 200
    bytes at 6,000 are in; the others read."""
    names = [f"{i:03}.parquet" for i in range(60)]
    root = dataset(s, names)
    m = s.mount(root, "-o", "dataset")
    change(os.path.join(root, names[30]))
    fails(errno.EIO, part, m, "x", 30)
    same(part(m, "x", 0), X)
    same(part(m, "x", 59), X)
    fd = os.open(m / "x", os.O_RDONLY)
    same(os.pread(fd, 4096, 0) + os.pread(fd, 1 << 20, 8192), (X * 60)[:4096] + (X * 60)[8192:])
    os.close(fd)
    holds(any("030.parquet" in line for line in m.log()), f"a line names the file: {m.log()}")


def test_replaced_file(s):
    later(s, lambda path: replace(path, FILE))


def test_removed_file(s):
    later(s, os.unlink)


def test_truncated_file(s):
    later(s, lambda path: os.truncate(path, 100))


def test_rewritten_file(s):
    def rewrite(path):
        write(path, FILE)
        os.utime(path, (1, 1))
    later(s, rewrite)


SAVED = os.path.join(DATA, "huggingface", "saved")
STREAM = read(os.path.join(SAVED, "data-00000-of-00003.arrow")) # id from 0 to 3
ID = struct.pack("<4q", *range(4))


def arrows(s, names, to="d"):
    for name in names:
        os.makedirs(os.path.dirname(s.path(to, name)), exist_ok=True)
        write(s.path(to, name), STREAM)
    return s.path(to)


def test_arrow_files_that_change(s):
    for n, change in enumerate((os.unlink, lambda p: replace(p, STREAM), lambda p: os.truncate(p, 100), lambda p: os.utime(p, (1, 1)))):
        names = [f"{i:03}.arrow" for i in range(300)]
        root = arrows(s, names, f"d{n}")
        m = s.mount(root, "-o", "dataset")
        change(os.path.join(root, names[200]))
        fails(errno.EIO, part, m, "id", 200, 8, 4)
        for i in (0, 299):
            same(part(m, "id", i, 8, 4), ID)
        holds(any("200.arrow" in line for line in m.log()), f"a line names the file: {m.log()}")


def test_arrow_files_vanish_before_their_strings_are_counted(s):
    names = [f"{i:03}.arrow" for i in range(700)]
    root = arrows(s, names)
    m = s.mount(root, "-o", "dataset")
    os.unlink(os.path.join(root, names[350]))
    words = b"word 1word 2word 3" # of each
    size = os.stat(m / "text/values").st_size
    same(size, 699 * len(words) + 1, "what is lost is not left out")
    same(read_at(m / "text/values", 0, 4096), (words * 700)[:4096])
    fails(errno.EIO, read_at, m / "text/values", 350 * len(words), 1)
    same(read_at(m / "text/values", size - len(words), len(words)), words)
    same(struct.unpack("<5q", read_at(m / "text/offsets", 0, 40)), (0, 0, 6, 12, 18))


def read_at(path, at, n):
    fd = os.open(path, os.O_RDONLY)
    try:
        return os.pread(fd, n, at)
    finally:
        os.close(fd)


def test_few_descriptors_for_many_arrow_files(s):
    m = s.mount(arrows(s, [f"p={i % 7}/{i:04}.arrow" for i in range(1500)]), "-o", "dataset")
    same(read(m / "id"), ID * 1500)
    holds(len(m.fds()) < 150, f"{len(m.fds())} descriptors")
    same(os.stat(m / "text/offsets").st_size, 8 * 6001)


def test_folders_of_datasets(s):
    fuse_works()
    for name, tables in (("saved", [""]), ("dict", ["train", "test"]), ("cache", ["train", "test"])):
        root = os.path.join(DATA, "huggingface", name)
        m = s.mount(root, "-o", "dataset")
        if tables != [""]:
            same(sorted(os.listdir(m.path)), sorted(tables))
        for t in tables:
            where = os.path.join(root, t) if name == "dict" else root
            same(os.getxattr(m / t, "user.attr.dataset_info"), read(os.path.join(where, "dataset_info.json")))
        r = s.run(root, s.path("plain"))
        r.told("Hugging Face's datasets wrote it", "-o dataset")
        same(sorted(os.listdir(s.path("plain"))), sorted(os.listdir(root)))
        s.run("-u", s.path("plain")).ok()
    same(read(s.mount(SAVED, "-o", "dataset") / "id"), struct.pack("<10q", *range(10)))


def test_what_datasets_wrote_is_no_more_readable_than_its_files(s):
    root = s.path("d")
    shutil.copytree(SAVED, root)
    for name in os.listdir(root):
        os.chmod(os.path.join(root, name), 0o644)
    os.chmod(os.path.join(root, "data-00001-of-00003.arrow"), 0o640)
    m = s.mount(root, "-o", "dataset")
    same(os.stat(m / "id").st_mode & 0o777, 0o440)


def test_a_state_that_lies(s):
    root, mnt = s.path("d"), s.mkdir("mnt")
    shutil.copytree(SAVED, root)
    write(s.path("out.arrow"), STREAM)
    for name, said in (("../out.arrow", "state.json names ../out.arrow, which is not a path within its folder"),
                       (s.path("out.arrow"), f"state.json names {s.path('out.arrow')}, which is not a path within its folder"),
                       ("gone.arrow", "state.json names gone.arrow, which is not there")):
        write(os.path.join(root, "state.json"), json.dumps({"_data_files": [{"filename": name}]}).encode())
        r = s.run("-o", "dataset", root, mnt)
        same((r.code, r.err), (1, f"arrayfs: {root}: {said}\n".encode()))
        same(os.listdir(mnt), [])


def test_few_descriptors_for_many_files(s):
    names = [f"p={i % 7}/{i:04}.parquet" for i in range(1500)]
    m = s.mount(dataset(s, names), "-o", "dataset")
    same(read(m / "x"), X * 1500)
    holds(len(m.fds()) < 150, f"{len(m.fds())} descriptors")
    same(os.stat(m / "y").st_size, 1500 * 400)


def test_commands(s):
    root = dataset(s, ["k=a b/1.parquet", "k=%2F/2.parquet"])
    r = s.run("-o", "dataset", "--list", root)
    same((r.code, r.out), (0, b"x\ny\nk/offsets\nk/values\n"))
    r = s.run("-o", "dataset", "--cat", root, "k/values")
    same(r.out, b"/" * 50 + b"a b" * 50)
    r = s.run("-o", "dataset", "--extract", root, s.path("out"))
    same((r.code, read(s.path("out", "x"))), (0, X * 2))
    os.mkdir(s.path("none"))
    r = s.run("-o", "dataset", s.path("none"), s.mkdir("mnt"))
    same((r.code, r.err), (1, f"arrayfs: {s.path('none')}: no Parquet or Arrow file in it\n".encode()))
