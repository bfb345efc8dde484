# SPDX-License-Identifier: MIT
"""An .npz of which some members cannot be read, and compressed members as files of any kind."""
import errno
import mmap
import os
import struct

from harness import *

NPZ = os.path.join(DATA, "npz")


def error(path):
    return os.getxattr(path, "user.arrayfs.error").decode()


def test_what_cannot_be_read_is_a_file_that_does_not_open(s):
    m = s.mount(os.path.join(NPZ, "broken.npz"))
    for name, size, why in (("secret", 0, "encrypted"), ("cut", 0, "an array of 24 bytes, of which the file has 23; it is cut short or still being written"), ("fake", 0, "the NumPy magic is missing"),
                            ("objects/a", 0, "its records have Python objects, which are pickled"), ("bomb.txt", 0, f"{2**64 - 1} bytes, which no file has")):
        same(os.stat(m / name).st_size, size, name)
        same(error(m / name), why, name)
        fails(errno.EIO, read, m / name)
    same(os.stat(m / "secret.txt").st_size, 12) # of bytes as they are, the directory tells how many
    fails(errno.EIO, read, m / "secret.txt")
    same(read(m / "good"), struct.pack("<3q", 0, 1, 2))


def test_members_are_kept_apart(s):
    m = s.mount(os.path.join(NPZ, "kinds.npz"))
    same(names(m / "a"), ["x", "y"])
    same(names(m / "a~2"), ["b", "x"])
    same(names(m / "c"), ["d", "x"])
    same(names(m / "c~2"), ["x", "y"])
    same(read(m / "c/x"), b"text")
    same(os.getxattr(m / "%2E%2E/up", "user.arrayfs.name"), b"../up")
    same(names(m / "e"), [])


def test_a_compressed_member_is_mapped(s):
    m = s.mount(os.path.join(NPZ, "deflated.npz"))
    want = struct.pack("<3000q", *(i % 97 for i in range(3000)))
    with open(m / "long", "rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        same(mapped[8000:8016] + mapped[:] == want[8000:8016] + want, True)
