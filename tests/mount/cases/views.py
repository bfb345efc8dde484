# SPDX-License-Identifier: MIT
"""The views below .arrayfs: found and not listed, exact, and as alive as what they show."""
import ast
import json
import os
import struct
import subprocess
import tarfile

from harness import *


def npy(path):
    """A .npy file taken apart by its specification: the dictionary and the bytes."""
    raw = read(path)
    same(raw[:8], b"\x93NUMPY\1\0", f"magic of {path}")
    n = struct.unpack("<H", raw[8:10])[0]
    same(((10 + n) % 64, raw[9 + n:10 + n]), (0, b"\n"), f"padding of {path}")
    same(os.stat(path).st_size, len(raw), f"size of {path}")
    return ast.literal_eval(raw[10:10 + n].decode()), raw[10 + n:]


def two(s):
    path = s.path("m.safetensors")
    archive(path, [("d/a", "F32", [2, 3], struct.pack("<6f", *range(6))), ("b", "I8", [], b"\x85"), ("e", "BF16", [0, 4], b"")])
    return path


def test_found_but_not_listed(s):
    m = s.mount(two(s))
    same(names(m.path), ["b", "d", "e"])
    same(sorted(os.listdir(m / ".arrayfs")), ["archive.json", "f32", "json", "log.txt", "metrics", "npy", "original", "png", "stats.json",
                                               "status.json", "text"])
    same(sorted(os.listdir(m / ".arrayfs/npy")), ["b.npy", "d", "e.npy"])
    same(os.listdir(m / ".arrayfs/npy/d"), ["a.npy"])
    same((os.listdir(m / ".arrayfs/png"), os.listdir(m / ".arrayfs/png/d")), (["d"], ["a.png"]))
    same(sorted(os.listdir(m / ".arrayfs/json")), ["b.json", "d", "d.json", "e.json"])
    for wrong in ("npy/b", "npy/x.npy", "npy/.npy", "npy/d.npy", "npy/.arrayfs", "json/x.json", "none", "npy/d/b.npy", "png/b.png", "png/e.png"):
        holds(not os.path.lexists(m / (".arrayfs/" + wrong)), f"{wrong} is there")
    holds(not os.path.lexists(m / "d/.arrayfs"), "views below the root")


def test_a_header_that_is_gone(s):
    """What is left to tell is JSON all the same, and says why."""
    path = two(s)
    m = s.mount(path)
    os.truncate(path, 20)
    told = json.loads(read(m / ".arrayfs/archive.json"))
    same((told["arrayfs.format"] if "arrayfs.format" in told else told["format"], "header" in told, bool(told["error"])),
         ("safetensors", False, True))


def test_json_of_many_reads(s):
    """A text longer than what is kept of it, by several readers: each gets the same."""
    path = s.path("m.safetensors")
    archive(path, [(f"t{i:06}" + "x" * 200, "U8", [1], b"x") for i in range(35000)])
    m = s.mount(path)
    whole = s.run("--cat", path, ".arrayfs/archive.json").ok().out
    holds(len(whole) > 9 << 20, "long enough")
    same(json.loads(whole)["header"]["t034999" + "x" * 200]["dtype"], "U8")
    view = m / ".arrayfs/archive.json"
    readers = [subprocess.Popen(["cmp", view, "-"], stdin=subprocess.PIPE) for _ in range(3)]
    with open(view, "rb") as f:
        for at in (len(whole) - 5, 0, 9 << 20, 131071, (8 << 20) - 3):
            same(os.pread(f.fileno(), 7, at), whole[at:at + 7], f"at {at}")
    for r in readers:
        r.communicate(whole)
        same(r.returncode, 0, "cmp")


def test_npy_by_its_specification(s):
    m = s.mount(two(s))
    same(npy(m / ".arrayfs/npy/d/a.npy"), ({"descr": "<f4", "fortran_order": False, "shape": (2, 3)},
                                          struct.pack("<6f", *range(6))))
    same(npy(m / ".arrayfs/npy/b.npy"), ({"descr": "|i1", "fortran_order": False, "shape": ()}, b"\x85"))
    same(npy(m / ".arrayfs/npy/e.npy"), ({"descr": "<V2", "fortran_order": False, "shape": (0, 4)}, b""))
    whole = read(m / ".arrayfs/npy/d/a.npy")
    with open(m / ".arrayfs/npy/d/a.npy", "rb") as f:
        for at in (0, 5, 126, 127, 128, 130, len(whole)):
            same(os.pread(f.fileno(), 7, at), whole[at:at + 7], f"at {at}")


def test_text_by_element(s):
    """Exact sizes, one width, and any piece is that piece of the whole."""
    m = s.mount(two(s))
    same(read(m / ".arrayfs/text/d/a.txt"), b"".join(
        b" ".join(b"%15s" % x for x in row) + b"\n" for row in ((b"0.0", b"1.0", b"2.0"), (b"3.0", b"4.0", b"5.0"))))
    same((read(m / ".arrayfs/text/b.txt"), read(m / ".arrayfs/text/e.txt")), (b"-123\n", b""))
    view = m / ".arrayfs/text/d/a.txt"
    whole = read(view)
    same(os.stat(view).st_size, len(whole))
    cat = s.run("--cat", s.path("m.safetensors"), ".arrayfs/text/d/a.txt").ok().out
    same(cat, whole)
    with open(view, "rb") as f:
        for at in range(len(whole) + 2):
            same(os.pread(f.fileno(), 20, at), whole[at:at + 20], f"at {at}")


def test_json_and_attributes(s):
    m = s.mount(two(s))
    j = m / ".arrayfs/json/d/a.json"
    got = json.loads(read(j))
    same((got["path"], got["kind"], got["dtype"], got["shape"], got["size"]), ("d/a", "file", "float32", [2, 3], 24))
    same(os.stat(j).st_size, len(read(j)))
    same(json.loads(read(m / ".arrayfs/json/d.json"))["kind"], "directory")
    told = json.loads(read(m / ".arrayfs/archive.json"))
    same(told["format"], "safetensors")
    same(told["header"]["d/a"]["shape"], [2, 3])
    same(os.getxattr(m / ".arrayfs/npy/d/a.npy", "user.array.dtype"), b"float32")
    same(os.listxattr(j), [])
    for view in ("npy/d/a.npy", "json/d/a.json"):
        a, b = os.stat(m / "d/a"), os.stat(m / (".arrayfs/" + view))
        same((a.st_mode, a.st_uid, a.st_gid, a.st_mtime_ns), (b.st_mode, b.st_uid, b.st_gid, b.st_mtime_ns), view)
        holds(a.st_ino != b.st_ino, "one inode for two files")
        same(b.st_blocks, -(-b.st_size // 512), view)


def test_a_header_of_many_lines_is_told_on_one(s):
    header = b'{\n\t"__metadata__": {"a": "b"}\r\n}'
    write(s.path("m.safetensors"), struct.pack("<Q", len(header)) + header)
    same([json.loads(line).get("header") for line in s.run("--list", "--json", s.path("m.safetensors")).ok().out.splitlines()],
         [{"__metadata__": {"a": "b"}}])


def test_figures_are_a_snapshot_at_open(s):
    """Of one archive, which the kernel opens by itself, and of a directory."""
    path = two(s)
    for source in (path, s.dir):
        m = s.mount(source)
        stats = m / ".arrayfs/stats.json"
        before = json.loads(read(stats))
        same(os.stat(stats).st_size, 0)
        read(m / "b" if source == path else m / "m.safetensors/b")
        after = json.loads(read(stats))
        same(after["bytes"], before["bytes"] + 1)
        with open(stats, "rb", buffering=0) as f:
            pieces = b"".join(iter(lambda: f.read(10), b""))
        json.loads(pieces)
        m.stop()


def test_mirrored_directories(s):
    d = s.mkdir("d")
    write(os.path.join(d, "plain.txt"), b"x")
    os.mkdir(os.path.join(d, "sub"))
    simple(os.path.join(d, "sub", "m.safetensors"), "1", 100)
    os.symlink("sub/m.safetensors", os.path.join(d, "link"))
    m = s.mount(d)
    same(sorted(os.listdir(m / ".arrayfs/npy")), ["link", "sub"])
    same(sorted(os.listdir(m / ".arrayfs/json/sub")), ["m.safetensors", "m.safetensors.json"])
    same(os.readlink(m / ".arrayfs/npy/link"), "sub/m.safetensors")
    same(npy(m / ".arrayfs/npy/link/a.npy")[1], read(m / "sub/m.safetensors/a"))
    same(json.loads(read(m / ".arrayfs/json/sub/m.safetensors/a.json"))["path"], "sub/m.safetensors/a")
    same(json.loads(read(m / ".arrayfs/json/sub/m.safetensors.json"))["format"], "safetensors")
    new = simple(os.path.join(d, "new"), "2", 200)
    replace(os.path.join(d, "sub", "m.safetensors"), read(os.path.join(d, "new")))
    until(lambda: read(m / ".arrayfs/npy/sub/m.safetensors/a.npy")[-200:] == new, "the replaced archive")
    same(npy(m / ".arrayfs/npy/sub/m.safetensors/a.npy")[1], new)
    m.stop()
    write(os.path.join(d, ".arrayfs"), b"its own")
    m = s.mount(d)
    same(read(m / ".arrayfs"), b"its own")


def test_commands_know_views(s):
    path = two(s)
    same(s.run("--list", path, ".arrayfs/npy").ok().out, b".arrayfs/npy/b.npy\n.arrayfs/npy/d/a.npy\n.arrayfs/npy/e.npy\n")
    m = s.mount(path)
    same(s.run("--cat", path, ".arrayfs/npy/d/a.npy").ok().out, read(m / ".arrayfs/npy/d/a.npy"))
    json.loads(s.run("--cat", path, ".arrayfs/stats.json").ok().out)


def test_copying_tools(s):
    m = s.mount(two(s))
    # Of read-only files, GNU tar sets attributes as root alone, those of a plain tree, too.
    kept = "--no-xattrs" if os.geteuid() else "--xattrs --xattrs-include='user.*'"
    for name, command in (("cp", ["cp", "-a", m / ".arrayfs/npy/.", s.path("cp")]),
                          ("tar", ["sh", "-c", f"mkdir {s.path('tar')} && tar -C {m.path}/.arrayfs/npy --xattrs -cf - . | "
                                   f"tee {s.path('t.tar')} | tar -C {s.path('tar')} {kept} -xf -"])):
        s.tool(*command)
        s.tool("diff", "-r", m / ".arrayfs/npy", s.path(name))
        try:
            os.setxattr(s.dir, "user.x", b"")
        except OSError:
            continue
        if name == "cp" or not os.geteuid():
            same(os.getxattr(s.path(name, "d/a.npy"), "user.array.dtype"), b"float32", name)
    with tarfile.open(s.path("t.tar")) as t:
        same(t.getmember("./d/a.npy").pax_headers["SCHILY.xattr.user.array.dtype"], "float32", "in the archive")


def test_cut_short_is_an_error_of_the_view_too(s):
    path = s.path("m.safetensors")
    archive(path, [("a", "U8", [100000], b"x" * 100000)])
    m = s.mount(path)
    view = m / ".arrayfs/npy/a.npy"
    same(os.stat(view).st_size, 100128)
    os.truncate(path, 50000)
    with open(view, "rb") as f:
        same(os.pread(f.fileno(), 100, 0)[:6], b"\x93NUMPY")
        try:
            os.pread(f.fileno(), 100, 90000)
        except OSError as e:
            same(e.errno, 5)
        else:
            raise AssertionError("bytes that are gone were read")
