# SPDX-License-Identifier: MIT
"""A directory of Parquet files mounted as one table: what happens to its files
later.  The fixture, written by pyarrow: x is int32 from 0 to 49, y double .5."""
import errno
import os
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
