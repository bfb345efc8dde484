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
