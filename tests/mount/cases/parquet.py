# SPDX-License-Identifier: MIT
"""Columns whose bytes are gone or broken: a fault of their rows, told once.  The
file has 400 rows, x = 1000 … and y = 3000 …, in row groups of 200 and pages of 50
with checksums; their bytes stand in it as they are shown."""
import errno
import os
import struct

from harness import *

ROWS = 400
FIRST = {"x": 1000, "y": 3000}


def table(s):
    path = write(s.path("t.parquet"), read(os.path.join(DATA, "parquet", "pyarrow-pages.parquet")))
    return path, lambda column, row: read(path).index(struct.pack("<q", FIRST[column] + row))


def rows(m, column):
    """What each row reads as, past the kernel's cache; None for EIO."""
    fd, got = os.open(m / column, os.O_RDONLY | os.O_DIRECT), []
    for row in range(ROWS):
        try:
            got.append(struct.unpack("<q", os.pread(fd, 8, row * 8))[0])
        except OSError as e:
            same(e.errno, errno.EIO)
            got.append(None)
    os.close(fd)
    return got


def whole(column, *lost):
    return [None if any(row in r for r in lost) else FIRST[column] + row for row in range(ROWS)]


def string(column, row):
    return b"word %d" % (row % 10) if column == "more" else b"w%d" % (row % 7)


def strings(column):
    return b"".join(string(column, i) for i in range(40_000))


def test_sizes_that_were_told_wrong_are_right_once_the_pages_were_read(s):
    """Of each column one row group told another size than its pages hold, more or fewer bytes.  Readers get
    what is there and no error, and the kernel the size that it is, of one archive and in a mirrored directory."""
    lies = os.path.join(DATA, "parquet", "lies", "sizes.parquet")
    d = s.mkdir("d")
    write(os.path.join(d, "lies.parquet"), read(lies))
    for source, below in ((lies, "."), (d, "lies.parquet")):
        m = s.mount(source)
        for column, by in (("more", 5), ("fewer", -3)):
            values, want = m / f"{below}/{column}/values", strings(column)
            same(os.stat(values).st_size, len(want) + by, "believed")
            fd = os.open(values, os.O_RDONLY)
            got = b""
            while piece := os.read(fd, 65536):
                got += piece
            same(got == want, True, column)
            same(os.fstat(fd).st_size, len(want))
            os.close(fd)
            same((os.stat(values).st_size, read(values) == want), (len(want), True))
            offsets = struct.unpack("<40001q", read(m / f"{below}/{column}/offsets"))
            same((offsets[0], offsets[-1], [want[a:b] for a, b in zip(offsets[:50], offsets[1:51])]),
                 (0, len(want), [string(column, i) for i in range(50)]))


def test_what_was_read_by_a_wrong_size_is_not_kept(s):
    """The last of the offsets, read before anybody has looked into the second row group, is told too high: until
    that was read, and the file is opened again."""
    m = s.mount(os.path.join(DATA, "parquet", "lies", "sizes.parquet"))
    want = len(strings("more"))
    last = lambda: struct.unpack("<q", read(m / "more/offsets")[-8:])[0]
    fd = os.open(m / "more/offsets", os.O_RDONLY)
    same(struct.unpack("<q", os.pread(fd, 8, 40_000 * 8))[0], want + 5)
    read(m / "more/values")
    same(last(), want)
    os.close(fd)


def test_faulty_page_is_eio_for_its_rows_and_one_line(s):
    for column in FIRST:
        path, place = table(s)
        at = place(column, 275)
        with open(path, "r+b") as f:
            f.seek(at)
            f.write(b"\xff")
        m = s.mount(path)
        for name in FIRST:
            same(rows(m, name), whole(name, *[range(250, 300)] if name == column else []), name)
        log = m.log()
        same(len(log), 1, f"log {log}")
        for word in ("t.parquet", column, "row group 1", "checksum"):
            holds(word in log[0], f"{word} is not in {log[0]}")
        m.stop()


def test_cut_while_mounted(s):
    path, place = table(s)
    m = s.mount(path)
    os.truncate(path, place("x", 250))
    same(rows(m, "x"), whole("x", range(250, 400)))
    same((rows(m, "y")[:200], rows(m, "y")[200:]), (whole("y")[:200], [None] * 200))
    same(m.process.poll(), None)


def test_replaced_while_mounted(s):
    path, _ = table(s)
    m = s.mount(path)
    same(rows(m, "x")[:3], [1000, 1001, 1002])
    replace(path, b"PAR1 is no table any more")
    for column in FIRST:
        same(rows(m, column), whole(column))


def test_cat_writes_what_lies_before_a_fault(s):
    path, at = table(s)
    data = bytearray(read(path))
    data[at("x", 120)] ^= 1
    write(path, bytes(data))
    r = s.run("--cat", path, "x").refused("x: ")
    same(r.out, b"".join(struct.pack("<q", 1000 + row) for row in range(100)))
