# SPDX-License-Identifier: MIT
"""Faults under load: what a reader gets is right for what he opened, or EIO."""
import mmap
import random
import resource
import subprocess
import threading

from harness import *

PAGE = 4096


def reads(path, step=PAGE):
    """{offset: bytes, or None where that was EIO}, in steps, past the page cache."""
    got, buf = {}, mmap.mmap(-1, step)
    fd = os.open(path, os.O_RDONLY | os.O_DIRECT)
    try:
        for at in range(0, os.fstat(fd).st_size, step):
            try:
                got[at] = buf[:os.preadv(fd, [buf], at)]
            except OSError as e:
                same(e.errno, errno.EIO, f"{path} at {at}")
                got[at] = None
    finally:
        os.close(fd)
    return got


class Disk:
    """A folder in which one file cannot be read from `first` to `last`."""

    def __init__(self, s, path, first, last):
        program = os.path.join(os.path.dirname(s.exe), "..", "tests", "mount", "broken")
        if not os.path.exists(program):
            raise Skip("no stand-in for a disk beside the program")
        fuse_works()
        self.path = s.mkdir("disk")
        self.process = subprocess.Popen([program, path, str(first), str(last), self.path], stdin=subprocess.DEVNULL)
        until(lambda: mounts(self.path) or self.process.poll() is not None, "the disk is there")
        same(self.process.poll(), None, "the disk's exit status")
        self.file = os.path.join(self.path, os.path.basename(path))

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.process.terminate()
        self.process.wait(PATIENCE)


def test_a_page_that_the_disk_cannot_read(s):
    """Only what needs the page is lost, mapped, copied or decoded, whoever asked first."""
    n = 64 * PAGE
    data = [pattern(k, n) for k in range(3)]
    path = archive(s.path("m.safetensors"), [(f"t{k}", "U8", [n], d) for k, d in enumerate(data)])
    start = os.path.getsize(path) - 3 * n
    first = (start + n + 20 * PAGE) // PAGE * PAGE
    with Disk(s, path, first, first + 3 * PAGE) as disk:
        m = s.mount(disk.path)
        for k in (1, 0, 2, 1):
            got = reads(m / f"m.safetensors/t{k}")
            for at, b in got.items():
                place = start + k * n + at
                lost = place < first + 3 * PAGE and place + PAGE > first
                if b is None:
                    holds(lost, f"t{k} at {at} is not read")
                else:
                    same(b, data[k][at:at + len(b)], f"t{k} at {at}")
                    holds(place + len(b) <= first or place >= first + 3 * PAGE, f"t{k} at {at} cannot be known")
        m.stop()
