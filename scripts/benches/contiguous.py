# SPDX-License-Identifier: MIT
"""Bytes that stand in the archive as they are shown: listing, names, and reading them."""
import json
import os
import pathlib
import statistics
import struct

from measure import (ARRAYFS, DATA, MINIMAL, PYTHON, RESULTS, VENV, Mapped, Mount, compare, forget, make, pairs, read_ahead, read_pieces,
                     read_through, run, say, search_mapped, tell, timed, wait_read_ahead, worked)

MANY = 90_000
BIG_TENSORS, BIG_SIZE, SMALL_SIZE = 8, 256 << 20, 4 << 20


def many():
    return make("many.safetensors", f"""
import sys, numpy as np
from safetensors.numpy import save_file
save_file({{f"model.layers.{{i // 9}}.block.sub{{i % 9}}.weight_{{i}}": np.zeros((2, 3), np.float32)
           for i in range({MANY})}}, sys.argv[1])""")


def big():
    # No byte is 0, so that a search for one goes through all.
    return make("big.safetensors", f"""
import sys, numpy as np
from safetensors.numpy import save_file
rng = np.random.default_rng(1)
t = {{f"t{{i}}": rng.integers(1, 256, {BIG_SIZE}, dtype=np.uint8) for i in range({BIG_TENSORS})}}
t["small"] = rng.integers(1, 256, {SMALL_SIZE}, dtype=np.uint8)
save_file(t, sys.argv[1])""")


def tensor_at(path, name):
    with open(path, "rb") as f:
        n = struct.unpack("<Q", f.read(8))[0]
        begin, end = json.loads(f.read(n))[name]["data_offsets"]
    return 8 + n + begin, end - begin


def case_list(runs):
    """--list of 90,000 tensors against safe_open and keys()"""
    path = many()
    code = "import sys; from safetensors import safe_open; [print(k) for k in safe_open(sys.argv[1], 'np').keys()]"
    tell("list 90,000 tensors", f"arrayfs --list {path.name}", "python: safe_open, keys()",
         compare(runs, lambda: timed(lambda: run(ARRAYFS, "--list", path)), lambda: timed(lambda: run(PYTHON, "-c", code, path))), "6")


def case_cat(runs):
    """--cat of one 4 MiB tensor out of 2 GB against safe_open and get_tensor"""
    path = big()
    code = ("import sys; from safetensors import safe_open\n"
            "sys.stdout.buffer.write(safe_open(sys.argv[1], 'np').get_tensor('small').tobytes())")
    tell("cat 4 MiB of 2 GB", f"arrayfs --cat {path.name} small", "python: safe_open, get_tensor",
         compare(runs, lambda: timed(lambda: run(ARRAYFS, "--cat", path, "small")), lambda: timed(lambda: run(PYTHON, "-c", code, path))), "20")


def case_read(runs):
    """Reading 256 MiB through the mount: first pass, second pass, mmap"""
    path = big()
    offset, size = tensor_at(path, "t3")
    read_through(path, offset, size)

    def passes(mount, name, prepare):
        """The first pass over a new mount, and the median of those that follow."""
        with mount as m:
            prepare(m.point)
            one = lambda: timed(lambda: read_through(m.point / name))
            return one(), statistics.median(one() for _ in range(5))

    def ours():
        return passes(Mount(ARRAYFS, "-f", path), "t3", wait_read_ahead)

    def minimal():
        return passes(Mount(MINIMAL, path, offset, size), "data", lambda point: read_ahead(point, kb))

    with Mount(ARRAYFS, "-f", path) as m:
        kb = wait_read_ahead(m.point)
    plain = lambda: timed(lambda: read_through(path, offset, size))
    # In turn, each time in pages of its own: which ones these are makes more of a difference than who filled them.
    rounds = [(lambda b: (ours(), b, plain()))(minimal()) for _ in range(runs + 1)][1:]
    for i, which, goal in ((0, "first", None), (1, "second", "0.9")):
        tell(f"{which} pass, minimal daemon", "read 128 KiB at a time", "minimal low-level daemon",
             pairs([(a[i], b[i]) for a, b, _ in rounds]), "1")
        tell(f"{which} pass, plain file", "read 128 KiB at a time", "the archive itself",
             pairs([(a[i], b) for a, _, b in rounds]), goal)
    often = max(runs, 9)
    with Mount(ARRAYFS, "-f", path) as m:
        read_through(m.point / "t3")
        mapped, theirs = Mapped(m.point / "t3"), Mapped(path, offset, size)
        tell("mmap re-read, plain file", "memchr over a mapping", "the archive itself",
             compare(often, lambda: timed(mapped.search), lambda: timed(theirs.search)), "0.9")
        mapped.close(), theirs.close()
        tell("mmap anew, plain file", "mmap and memchr", "the archive itself",
             compare(often, lambda: timed(lambda: search_mapped(m.point / "t3")),
                     lambda: timed(lambda: search_mapped(path, offset, size))), None)


def case_direct(runs):
    """256 MiB in pieces of 1 MiB, past the page cache and through it, against the plain file's"""
    path = big()
    offset, size = tensor_at(path, "t3")
    with Mount(ARRAYFS, "-f", path) as m:
        wait_read_ahead(m.point)
        array = m.point / "t3"

        def first():
            forget(array)
            return worked(lambda: read_pieces(array), m.daemon.pid)
        ways = {"O_DIRECT": lambda: worked(lambda: read_pieces(array, direct=True), m.daemon.pid), "first pass": first}
        plain = lambda: worked(lambda: read_pieces(path, offset, size))
        rounds = [({name: way() for name, way in ways.items()}, plain()) for _ in range(max(runs, 9) + 1)][1:]
    for name in ways:
        for i, what in enumerate(("wall", "processor")):
            tell(f"{name} of 1 MiB, {what}", "read 1 MiB at a time", "the archive itself, cached",
                 pairs([(ours[name][i], theirs[i]) for ours, theirs in rounds]), None)


def case_names(runs):
    """find, ls -l and du over 90,000 tensors in one directory against squashfuse_ll"""
    path, plain, image = many(), DATA / "many", DATA / "many.sqfs"
    if not plain.exists():
        run(ARRAYFS, "--extract", path, plain)
    if not image.exists():
        run("mksquashfs", plain, image, "-quiet", "-no-progress", "-noappend")
    commands = {"find": ["find", None, "-size", "+0"], "ls -l": ["ls", "-l", None], "du": ["du", "-s", None]}

    def through(mount, command):
        with Mount(*mount) as m:
            return timed(lambda: run(*[m.point if c is None else c for c in command]))

    for name, command in commands.items():
        tell(f"first {name}, squashfuse_ll", name, "the same files in squashfs",
             compare(max(1, runs // 3), lambda: through([ARRAYFS, "-f", path], command),
                     lambda: through(["squashfuse_ll", "-f", image], command)), "10")
        tell(f"first {name}, plain directory", name, "the same files on disk",
             compare(max(1, runs // 3), lambda: through([ARRAYFS, "-f", path], command),
                     lambda: timed(lambda: run(*[plain if c is None else c for c in command]))), None)


def case_ratarmount(runs):
    """Mounting 90,000 tensors and looking at each against ratarmount on a tar of them"""
    path, plain, tar = many(), DATA / "many", DATA / "many.tar"
    if not plain.exists():
        run(ARRAYFS, "--extract", path, plain)
    if not tar.exists():
        run("tar", "-C", plain, "-cf", tar, ".")

    def whole(mount, point=DATA / "mnt"):
        point.mkdir(exist_ok=True)
        for index in DATA.glob("many.tar.index*"):
            index.unlink()

        def action():
            run(*mount, point)
            run("find", point, "-size", "+0")
        seconds = timed(action)
        run("umount" if os.geteuid() == 0 else "fusermount3", *([] if os.geteuid() == 0 else ["-u"]), point)
        return seconds

    tell("mount and find, ratarmount", "arrayfs, find", "ratarmount on a tar, find",
         compare(max(1, runs // 3), lambda: whole([ARRAYFS, path]), lambda: whole([VENV / "bin" / "ratarmount", tar])), None)


def case_memory(runs):
    """Resident size of the daemon"""
    for path in (many(), big()):
        with Mount(ARRAYFS, "-f", path) as m:
            for name in os.scandir(m.point):
                name.stat()
            for name in ("t0", "t1", "t2", "t3"):
                if (m.point / name).exists():
                    read_through(m.point / name)
            status = pathlib.Path(f"/proc/{m.daemon.pid}/status").read_text()
            anon = sum(int(status.split(k)[1].split()[0]) for k in ("RssAnon:", "RssShmem:")) / 1024
        RESULTS.append({"case": f"memory, {path.name}", "MiB": anon, "goal": "64"})
        say(f"{'memory, ' + path.name:<34} {anon:10.1f} MiB anonymous{'':22} < 64 MiB")
