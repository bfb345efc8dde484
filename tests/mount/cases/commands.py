# SPDX-License-Identifier: MIT
"""--list, --cat, --extract."""
import fcntl
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import time
import zipfile

from harness import *


def make(s):
    d = s.mkdir("d")
    archive(s.path("d", "m.safetensors"), [("z", "U8", [3], b"abc"), ("a/b", "F32", [2, 1], b"x" * 8), ("a/c", "I64", [], b"y" * 8)])
    s.mkdir("d", "empty")
    write(s.path("d", "plain"), b"plain text")
    os.symlink("m.safetensors/z", s.path("d", "link"))
    return d


def test_list_in_archive_order(s):
    d = make(s)
    same(s.run("--list", os.path.join(d, "m.safetensors")).ok().out, b"z\na/b\na/c\n")
    same(s.run("--list", os.path.join(d, "m.safetensors"), "a", "z").ok().out, b"a/b\na/c\nz\n")
    same(s.run("--list", d).ok().out, b"empty/\nlink\nm.safetensors/z\nm.safetensors/a/b\nm.safetensors/a/c\nplain\n")
    same(s.run("--list", d, "m.safetensors/a/").ok().out, b"m.safetensors/a/b\nm.safetensors/a/c\n")
    r = s.run("--list", d, "none", "plain").refused("none")
    same(r.out, b"plain\n")


def test_list_long_and_json(s):
    d = make(s)
    rows = s.run("--list", "--long", os.path.join(d, "m.safetensors")).ok().out.decode().splitlines()
    same(rows[0].split(), ["uint8", "[3]", "3", "z"])
    same(len({r.rindex(" ") for r in rows}), 1, "columns")
    objects = [json.loads(line) for line in s.run("--list", "--json", d).ok().out.splitlines()]
    by = {o["path"]: o for o in objects}
    a = by["m.safetensors/a/b"]
    same((a["kind"], a["size"], a["dtype"], a["shape"], a["type"]), ("file", 8, "float32", [2, 1], "F32"))
    same((by["link"]["kind"], by["link"]["target"]), ("link", "m.safetensors/z"))


def told(s, *args):
    return [json.loads(line) for line in s.run("--list", "--json", *args).ok().out.splitlines()]


def test_json_tells_every_node(s):
    """Directories before what is in them, and SOURCE itself."""
    d = make(s)
    archive(s.path("d", "m.safetensors"), [("a/b", "U8", [1], b"x")], {"who": "me"})
    write(s.path("d", "bad.safetensors"), b"\xff" * 100)
    objects = told(s, d)
    same([(o["path"], o["kind"]) for o in objects],
         [("", "directory"), ("bad.safetensors", "file"), ("empty", "directory"), ("link", "link"), ("m.safetensors", "directory"),
          ("m.safetensors/a", "directory"), ("m.safetensors/a/b", "file"), ("plain", "file")])
    by = {o["path"]: o for o in objects}
    same((by["m.safetensors"]["format"], by["m.safetensors"]["attributes"]), ("safetensors", {"who": "me"}))
    same(set(by[""]) | set(by["empty"]), {"path", "kind"})
    holds("error" in by["bad.safetensors"], by["bad.safetensors"])
    same([o["path"] for o in told(s, d, "m.safetensors/a", "empty")], ["m.safetensors/a", "m.safetensors/a/b", "empty"])
    same([(o["path"], o.get("attributes")) for o in told(s, s.path("d", "m.safetensors"))], [("", {"who": "me"}), ("a", None), ("a/b", None)])


def test_a_column_of_several_files_is_told_with_its_own_dtype(s):
    file = os.path.join(DATA, "parquet", "pyarrow-nested.parquet")
    columns = {o["path"]: o for o in told(s, file) if o["kind"] == "directory" and "dtype" in o}
    holds({"string", "list", "map", "struct"} <= {o["dtype"] for o in columns.values()}, columns)
    rows = [r.split() for r in s.run("--list", "--long", file).ok().out.decode().splitlines()]
    same({r[3][:-1]: r[0] for r in rows if r[3].endswith("/")}, {p: o["dtype"] for p, o in columns.items()})
    for dtype, shape, size, path in rows:
        if path.endswith("/"):
            same(shape, json.dumps(columns[path[:-1]]["shape"], separators=(",", ":")) if "shape" in columns[path[:-1]] else "-")
            same(int(size), sum(int(r[2]) for r in rows if r[3].startswith(path) and not r[3].endswith("/")), path)
    tree = s.run("--list", "--tree", file).ok().out.decode()
    for path, o in columns.items():
        holds(re.search(f" {path.rpartition('/')[2]}/ +{o['dtype']} ", tree), (path, tree))
    same(s.run("--list", file).ok().out.decode().split(), [r[3] for r in rows if not r[3].endswith("/")])


def test_no_line_is_wider_than_the_terminal(s):
    long, wide = "/".join(f"model.layers.{i}.a-rather-long-name" for i in range(12)), "\u5c42" * 60
    archive(s.path("m.safetensors"), [(long + "/weight", "U8", [1] * 60, b"x"), (long + "/bias", "U8", [1], b"x"), (wide, "U8", [1], b"x"), ("b", "U8", [1], b"y")])
    for columns in (40, 80, 200):
        for form in ("--long", "--tree"):
            lines = on_terminal(s, "--list", form, s.path("m.safetensors"), columns=columns, NO_COLOR="1", LC_ALL="C.UTF-8").splitlines()
            widths = [sum(2 if c == "\u5c42" else 1 for c in line) for line in lines]
            holds(max(widths) <= columns, (columns, form, lines))
            holds(any(line.endswith("weight") if form == "--long" else "\u2026" in line or columns > 80 for line in lines), lines)
    holds(len(on_terminal(s, "--list", s.path("m.safetensors"), columns=40).splitlines()[0]) <= 40, "a path alone")
    same(s.run("--list", s.path("m.safetensors")).ok().out.decode().splitlines()[0], long + "/weight")
    holds(len(s.run("--list", "--long", s.path("m.safetensors")).ok().out.splitlines()[0]) > 200, "cut in a pipe")


def test_full_disk_and_closed_pipe(s):
    d = s.mkdir("d")
    simple(s.path("d", "m.safetensors"), n=3000000)
    for args in (("--cat", d, "m.safetensors/a"), ("--list", d), ("--list", "--json", d)):
        with open("/dev/full", "wb") as full:
            s.run(*args, stdout=full).refused("No space")
    r = s.command("sh", "-c", '"$1" --cat "$2" m.safetensors/a | head -c 1', "sh", s.exe, d)
    same((len(r.out), r.err), (1, b""))


def test_cat(s):
    d = make(s)
    same(s.run("--cat", d, "link", "plain", "m.safetensors/a/c").ok().out, b"abcplain text" + b"y" * 8)
    s.run("--cat", d, "empty").refused("empty")
    s.run("--cat", d, "m.safetensors").refused("m.safetensors")
    same(s.run("--cat", d, "none", "plain").refused("none").out, b"plain text")


def test_cat_of_many_pieces(s):
    """To a pipe, whose pages whoever reads it may hand on and keep; and to a file."""
    n = (9 << 20) + 5
    data = pattern("pieces", n)
    file = archive(s.path("big.safetensors"), [("a", "U8", [n], data)])
    text = b"".join(b"%3d\n" % x for x in range(256))
    text = b"".join(text[4 * x:4 * x + 4] for x in data)
    for path, want in (("a", data), (".arrayfs/text/a.txt", text)):
        for threads in ("1", "2", "5"):
            args = ("-o", "threads=" + threads, "--cat", file, path)
            p = subprocess.Popen([s.exe, *OPTIONS, *args], stdout=subprocess.PIPE, bufsize=0)
            got, kept = b"", os.pipe()
            size = fcntl.fcntl(kept[1], fcntl.F_SETPIPE_SZ, 1 << 20)
            while len(got) < 5 << 20:
                got += p.stdout.read(65536)
            os.splice(p.stdout.fileno(), kept[1], size)
            os.close(kept[1])
            rest = b"".join(iter(lambda: p.stdout.read(1 << 20), b""))
            same(p.wait(PATIENCE), 0)
            got += b"".join(iter(lambda: os.read(kept[0], 1 << 20), b""))
            os.close(kept[0])
            same(got + rest == want, True, args)
            with open(s.path("out"), "wb") as out:
                s.run(*args, stdout=out).ok()
            same(read(s.path("out")) == want, True, args)


def test_cut_short_while_a_pipe_is_full(s):
    """Nothing but what was there, though the page where the file ends now reads as zeros after that."""
    size = 6 << 20
    head = json.dumps({"a": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode().ljust(4096 - 8)
    write(s.path("m.safetensors"), struct.pack("<Q", len(head)) + head + b"y" * size)
    p = subprocess.Popen([s.exe, "--cat", s.path("m.safetensors"), "a"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    got = p.stdout.read(1000)
    os.truncate(s.path("m.safetensors"), 4096 + 3000001)
    got += p.stdout.read()
    p.stderr.read()
    p.wait(PATIENCE)
    same(got.strip(b"y"), b"")


def test_cut_short_meanwhile(s):
    """An archive, and what is passed through: never less than all, and a 0."""
    d, size = s.mkdir("d"), 100 << 20
    head = json.dumps({"a": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    for name, start, path in (("m.safetensors", struct.pack("<Q", len(head)) + head, "m.safetensors/a"), ("plain", b"", "plain")):
        write(s.path("d", name), start)
        os.truncate(s.path("d", name), len(start) + size)
        p = subprocess.Popen([s.exe, "--cat", d, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        got = len(p.stdout.read(1000))
        os.truncate(s.path("d", name), len(start) + 5)
        out, err = p.communicate(timeout=PATIENCE)
        same((p.returncode, err.count(b"\n"), got + len(out) < size), (1, 1, True), (path, err))
        holds(err.startswith(f"arrayfs: {d}: {path}: ".encode()), err)
        if name == "plain":
            holds(b"ends early, at byte" in err, err)


def test_extract(s):
    d = make(s)
    os.link(s.path("d", "plain"), s.path("d", "second"))
    out = s.path("out")
    s.run("--extract", d, out).ok()
    same(names(out), ["empty", "link", "m.safetensors", "plain", "second"])
    same((read(out + "/m.safetensors/z"), os.readlink(out + "/link")), (b"abc", "m.safetensors/z"))
    same(os.stat(out + "/plain").st_ino, os.stat(out + "/second").st_ino, "hard link")
    write(out + "/plain", b"mine")
    r = s.run("--extract", d, out).told("--force")
    same((r.code, read(out + "/plain")), (1, b"mine"))
    s.run("--extract", "--force", d, out).ok()
    same(read(out + "/plain"), b"plain text")
    s.run("--extract", d, s.path("part"), "m.safetensors/a").ok()
    same(names(s.path("part")), ["m.safetensors"])
    same(names(s.path("part", "m.safetensors")), ["a"])


def test_extract_of_deflated_members(s):
    """While one is written, the next is decoded; what is wrong in one is told of that, at its end."""
    file, out, size = s.path("a.npz"), s.path("out"), 3 << 20
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (%d,), }" % size
    right = {c: random.Random(c).randbytes(5000) * (size // 5000 + 1) for c in "abcd"}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in right.items():
            z.writestr(name + ".npy", b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + data[:size])
        at = z.infolist()[1].CRC
    s.run("--extract", file, out).ok()
    for name, data in right.items():
        assert read(out + "/" + name) == data[:size], name
    write(file, read(file).replace(struct.pack("<I", at), struct.pack("<I", at ^ 1)))
    shutil.rmtree(out)
    r = s.run("--extract", file, out).told("b: a CRC-32 of ")
    same((r.code, names(out)), (1, ["a", "c", "d"]))
    r = s.run("--cat", file, "b").told("b: a CRC-32 of ")
    same((r.code, right["b"].startswith(r.out), len(r.out) >= 2 << 20), (1, True, True), "what lies before the last stretch is whole")


def test_a_group_with_several_paths_is_visited_once(s):
    file = os.path.join(DATA, "hdf5", "links.h5")
    told = [json.loads(line) for line in s.run("--list", "--json", file).ok().out.splitlines()]
    same({o["path"]: o["same_as"] for o in told if "same_as" in o}, {"a/y/sub": "a/deep/x", "b": "a/y", "z": "a/deep/x"})
    assert b"\nz/\n" in s.run("--list", file).ok().out
    same(s.run("--list", file, "z", "b").ok().out, b"z/e\nb/d\nb/sub/e\n")
    out = s.path("out")
    s.run("--extract", file, out).ok()
    same([os.readlink(os.path.join(out, p)) for p in ("a/y/sub", "b", "z")], ["../deep/x", "a/y", "a/deep/x"])
    same(read(out + "/z/e"), read(out + "/b/sub/e"))
    for pattern in ("a/*/[s]ub", "a/*/[s]*/e"):
        same(s.run("--list", file, pattern).ok().out, b"a/y/sub/e\n", "whose other path is not asked for")


def test_links_lead_to_names_as_they_are_shown(s):
    """Those that had to give way have a number."""
    file = os.path.join(DATA, "hdf5", "links.h5")
    m = s.mount(file).path
    for i in range(5):
        same(read(os.path.join(m, "s", "l%d" % i)), bytes([i] + [0] * 7), i)
    same(read(os.path.join(m, "h", "near")), bytes([4] + [0] * 7))
    same([os.readlink(os.path.join(m, p)) for p in ("s/l5", "s/l6", "h/plain")], ["../h/gone%01", "../_/%2E%2E", "a/b"])
    assert os.path.isdir(os.path.join(m, "z")) and not os.path.islink(os.path.join(m, "z"))


def test_extract_never_leaves_dest(s):
    archive(s.path("m.safetensors"), [("../up", "U8", [1], b"1"), ("/abs", "U8", [1], b"2"), ("l/in", "U8", [1], b"3"),
                                      ("f", "U8", [1], b"4")])
    out, other = s.mkdir("out"), s.mkdir("other")
    os.symlink(other, out + "/l")
    write(s.path("victim"), b"v")
    os.symlink(s.path("victim"), out + "/f")
    same(s.run("--extract", "--force", s.path("m.safetensors"), out).code, 1)
    same((os.listdir(other), read(s.path("victim")), os.path.exists(s.path("up"))), ([], b"v", False))
    same((read(out + "/%2E%2E/up"), read(out + "/abs"), os.path.islink(out + "/f")), (b"1", b"2", False))


def test_extract_skips_and_names_what_cannot_be_shown(s):
    d = make(s)
    os.mkfifo(s.path("d", "fifo"))
    s.run("--extract", d, s.path("out")).refused("fifo")
    same(read(s.path("out", "plain")), b"plain text")


def test_extract_interrupted_leaves_nothing_half_written(s):
    p = s.path("m.safetensors")
    archive(p, [("a", "U8", [1 << 30], b"")])
    head = json.dumps({"a": {"dtype": "U8", "shape": [1 << 32], "data_offsets": [0, 1 << 32]}}).encode()
    write(p, struct.pack("<Q", len(head)) + head)
    os.truncate(p, 8 + len(head) + (1 << 32))
    for sig in (signal.SIGINT, signal.SIGTERM):
        out = s.path(f"out{sig}")
        q = subprocess.Popen([s.exe, "--extract", p, out], stderr=subprocess.PIPE)
        until(lambda: os.path.isdir(out) and os.listdir(out), "a temporary file")
        q.send_signal(sig)
        err = q.communicate(timeout=PATIENCE)[1]
        same((q.returncode, os.listdir(out), err), (-sig, [], b""))


def left_in(path):
    return [f for _, _, fs in os.walk(path) for f in fs if f.startswith(".arrayfs-")]


def test_extract_resume_removes_what_a_killed_run_left(s):
    import fcntl
    size = 1 << 32
    head = json.dumps({"p/a": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]},
                       "p/.arrayfs-7-7~": {"dtype": "U8", "shape": [0], "data_offsets": [size, size]}}).encode()
    file, out = write(s.path("m.safetensors"), struct.pack("<Q", len(head)) + head), s.path("out")
    os.truncate(file, 8 + len(head) + size)
    q = subprocess.Popen([s.exe, "--extract", file, out, "p/a"])
    until(lambda: left_in(out), "a temporary file")
    q.kill()
    q.wait()
    same(len(left_in(out)), 1)
    mine = write(os.path.join(out, "p", ".arrayfs-x-1~"), b"not of ours")
    fine = write(os.path.join(out, "p", ".arrayfs-1-1~"), b"somebody writes to it")
    with open(fine, "rb") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        for _ in range(2):
            s.run("--extract", "--resume", file, out, "p/.arrayfs-7-7~").ok()
            same(sorted(names(out + "/p")), [".arrayfs-1-1~", ".arrayfs-7-7~", ".arrayfs-x-1~"])
    s.run("--extract", "--resume", file, out, "p/.arrayfs-7-7~").ok()
    same(names(out + "/p"), [".arrayfs-7-7~", ".arrayfs-x-1~"])


def test_extract_beside_one_of_the_same_number(s):
    """In a container every run may have the number of the one that was killed."""
    file, out = s.path("m.safetensors"), s.mkdir("out")
    simple(file)
    s.command("sh", "-c", 'touch "$3/.arrayfs-$$-0~" && exec "$1" --extract "$2" "$3"', "sh", s.exe, file, out).ok()
    same(len(names(out)), 2)
    s.run("--extract", "--resume", file, out).ok()
    same(names(out), ["a"])


def test_extract_resume_looks_where_links_lead(s):
    d, out = s.mkdir("d"), s.path("out")
    os.symlink("one", s.path("d", "l"))
    s.run("--extract", d, out).ok()
    os.unlink(out + "/l")
    os.symlink("two", out + "/l")
    s.run("--extract", "--resume", d, out).refused("out: l: already exists, but is different")
    same(os.readlink(out + "/l"), "two")
    file = os.path.join(DATA, "hdf5", "links.h5")
    s.run("--extract", file, s.path("h")).ok()
    s.run("--extract", "--resume", file, s.path("h")).ok()
    os.unlink(s.path("h", "b"))
    os.symlink("a/z", s.path("h", "b"))
    s.run("--extract", "--resume", file, s.path("h")).refused("b: already exists, but is different")


def test_extract_of_hard_links(s):
    d, out = s.mkdir("d"), s.path("out")
    write(s.path("d", "a"), b"x")
    for i in range(1000):
        os.link(s.path("d", "a"), s.path("d", f"l{i}"))
        write(s.path("d", f"f{i}"), b"")
        os.link(s.path("d", f"f{i}"), s.path("d", f"g{i}"))
    s.run("--extract", d, out).ok()
    same((os.stat(out + "/a").st_nlink, os.stat(out + "/g7").st_ino), (1001, os.stat(out + "/f7").st_ino))
    for _ in range(2):
        s.run("--extract", "--force", d, out, "a", "l1", "a", "l1").ok()
    same((os.stat(out + "/a").st_ino, left_in(out)), (os.stat(out + "/l1").st_ino, []))


def test_extract_to_a_full_disk(s):
    need_root()
    tensors = [(f"t/{i:04}", "U8", [100000], b"x" * 100000) for i in range(100)]
    archive(s.path("m.safetensors"), tensors)
    disk = s.mkdir("disk")
    if s.command("mount", "-t", "tmpfs", "-o", "size=1M", "none", disk).code:
        raise Skip("no tmpfs may be mounted: in a container: docker or podman run --cap-add SYS_ADMIN")
    try:
        s.run("--extract", s.path("m.safetensors"), disk).refused("disk: t/00", "No space left on device: the rest is left out (--resume goes on)")
        same((1 < len(names(disk + "/t")) < 12, left_in(disk)), (True, []))
        s.tool("mount", "-o", "remount,size=20M", disk)
        s.run("--extract", "--resume", s.path("m.safetensors"), disk).ok()
        same({read(os.path.join(disk, t[0])) for t in tensors}, {b"x" * 100000})
        s.tool("mount", "-o", "remount,ro", disk)
        s.run("--extract", "--force", s.path("m.safetensors"), disk).refused("disk: t/0000: Read-only file system: the rest")
    finally:
        s.command("umount", disk)


def test_extract_beyond_a_limit(s):
    archive(s.path("m.safetensors"), [("big", "U8", [100000], bytes(100000)), ("small", "U8", [3], b"abc")])
    r = s.command("sh", "-c", 'ulimit -f 64; exec "$@"', "sh", s.exe, "--extract", s.path("m.safetensors"), s.path("out"))
    r.refused("out: big: File too large")
    same(names(s.path("out")), ["small"])


def test_extract_heeds_ignored_signals(s):
    p, out, size = s.path("m.safetensors"), s.path("out"), 1 << 30
    head = json.dumps({"a": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    write(p, struct.pack("<Q", len(head)) + head)
    os.truncate(p, 8 + len(head) + size)
    q = subprocess.Popen(["nohup", s.exe, "--extract", p, out], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: os.path.isdir(out) and os.listdir(out), "a temporary file")
    q.send_signal(signal.SIGHUP)
    same((q.wait(PATIENCE), names(out), os.path.getsize(out + "/a")), (0, ["a"], size))


def test_extract_says_what_is_in_the_way(s):
    d = make(s)
    file = os.path.join(d, "m.safetensors")
    s.run("--extract", d, s.path("d", "new")).refused("new: is inside")
    same(os.path.exists(s.path("d", "new")), False)
    for path in ("empty/../plain", "..", "m.safetensors/a/../z"):
        s.run("--extract", d, s.path("out"), path).refused(f"d: {path}: a path with '..' has no place below DEST")
    same(names(s.path("out")), [])
    os.symlink(s.dir, s.path("out", "a"))
    s.run("--extract", file, s.path("out"), "a/b").refused("out: a/b: a link stands where its folder should")
    os.unlink(s.path("out", "a"))
    write(s.path("out", "a"), b"")
    s.run("--extract", file, s.path("out"), "a/b").refused("out: a/b: a file stands where its folder should")
    s.run("--extract", file, s.path("out"), "z").ok()
    s.run("--extract", file, s.path("out"), "z").refused("out: z: already exists (--force overwrites)")


def test_patterns(s):
    d = s.mkdir("d")
    tensors = ["layers/0/q", "layers/0/k", "layers/10/q", "layers/10/mlp/up", "layers/.hidden", "head[1]", "head1", "h*", "é1"]
    archive(s.path("d", "m.safetensors"), [(n, "U8", [1], b"x") for n in tensors])
    archive(s.path("d", "n.safetensors"), [("layers/0/q", "U8", [1], b"y")])
    file = s.path("d", "m.safetensors")
    for pattern, expected in {
            "layers/*/q": "layers/0/q layers/10/q", "layers/?": "layers/0/q layers/0/k",
            "layers/1*": "layers/10/q layers/10/mlp/up", "layers/*": "layers/0/q layers/0/k layers/10/q layers/10/mlp/up",
            "layers/.h*": "layers/.hidden", "**/q": "layers/0/q layers/10/q", "**/up": "layers/10/mlp/up",
            "layers/**/up": "layers/10/mlp/up", "layers/[0-1]/[!q]": "layers/0/k", "h*": "h*", "head?": "head1",
            "head[[]1]": "head[1]", "head[1]": "head[1]", r"head\[1]": "head[1]", "?1": "é1", "[à-ê]1": "é1", "./layers//?/q": "layers/0/q",
            "**": "layers/.hidden layers/0/q layers/0/k layers/10/q layers/10/mlp/up head[1] head1 h* é1"}.items():
        same(sorted(s.run("--list", file, pattern).ok().out.decode().split()), sorted(expected.split()), pattern)
    same(s.run("--list", d, "*/layers/0/q").ok().out, b"m.safetensors/layers/0/q\nn.safetensors/layers/0/q\n")
    archive(s.path("deep.safetensors"), [("/".join("d" * n) + "/e", "U8", [1], b"x") for n in (64, 200)])
    for pattern, n in {"*/" * 64 + "e": 64, "d/" * 199 + "[d]/e": 200, "**/" * 100 + "d/" * 100 + "?": 200, "*/" * 80 + "**": 200}.items():
        same(s.run("--list", s.path("deep.safetensors"), pattern).ok().out, b"d/" * n + b"e\n", pattern)
    same(s.run("--cat", d, "*/layers/0/q").ok().out, b"xy")
    for command in (["--list", file], ["--cat", file], ["--extract", file, s.path("none")]):
        s.run(*command, "layers/*/none").refused("layers/*/none: matches nothing")
    r = s.run("--cat", file, "h*1", "layers/*")
    same((r.code, r.out, r.lines), (1, b"x", [f"arrayfs: {file}: layers/{n}: is a directory of {of}" for n, of in ((0, "q, k"), (10, "q, mlp"))]))
    same(s.run("--cat", file, "layers/**").ok().out, b"x" * 5)
    same(s.run("--cat", d, "**").ok().out, b"x" * 9 + b"y")
    os.symlink("m.safetensors/é1", s.path("d", "l1"))
    os.symlink("m.safetensors/layers", s.path("d", "l2"))
    same(s.run("--cat", d, "**").ok().out, b"x" * 10 + b"y")
    s.run("--cat", d, "l*").refused("l2: is a directory")
    os.symlink("gone", s.path("d", "l3"))
    s.run("--cat", d, "l[13]").refused("l3: No such file")
    s.run("--extract", d, s.path("out"), "*/layers/*/q").ok()
    same(sorted(os.path.relpath(os.path.join(a, f), s.path("out")) for a, _, fs in os.walk(s.path("out")) for f in fs),
         ["m.safetensors/layers/0/q", "m.safetensors/layers/10/q", "n.safetensors/layers/0/q"])


def used():
    """Seconds of the processor that the runs so far took: others may use it, too."""
    told = os.times()
    return told.children_user + told.children_system


def test_patterns_take_no_time(s):
    archive(s.path("m.safetensors"), [("a" * 200, "U8", [1], b"x"), ("/".join("a" * 100), "U8", [1], b"x")])
    start = used()
    for pattern in ("*a" * 90 + "b", "**/" * 60 + "b", "**/a/" * 20000 + "b", "**/*a/" * 90 + "b", "[" * 700, "[!" + "a-" * 300, "*/" * 300 + "a", "\\" * 700):
        s.run("--list", s.path("m.safetensors"), pattern).refused("matches nothing")
    archive(s.path("deep.safetensors"), [("a/" * 100000 + "x", "U8", [1], b"x")])
    s.run("--list", s.path("deep.safetensors"), "**/b").refused("matches nothing")
    same(s.run("--cat", s.path("deep.safetensors"), "**/a/**/x").ok().out, b"x")
    holds(used() - start < 5, "too slow")


def test_rows(s):
    archive(s.path("m.safetensors"), [("m", "U16", [4, 3], bytes(range(24))), ("s", "I64", [], b"y" * 8), ("none", "F32", [0, 2], b""),
                                      ("half", "F4", [4, 1], b"ab"), ("wide", "F4", [2, 4], b"abcd")])
    file, all_rows = s.path("m.safetensors"), bytes(range(24))
    for rows in ("0:2", "1:", ":3", ":", "-1:", ":-1", "-3:-1", "2:1", "3:99", "99:", "-99:2", "4:", "0:0"):
        begin, end = (int(x) if x else None for x in rows.split(":"))
        want = b"".join([all_rows[i:i + 6] for i in range(0, 24, 6)][begin:end])
        same(s.run("--cat", "--rows", rows, file, "m").ok().out, want, rows)
        same(s.run("--cat", f"--rows={rows}", file, "m", "none").ok().out, want, rows)
    same(s.run("--cat", "--rows", "1:", file, "wide").ok().out, b"cd")
    s.run("--cat", "--rows", "0:1", file, "s").refused("s: has no rows")
    s.run("--cat", "--rows", "0:1", file, "half").refused("half: has no rows of whole bytes")
    s.run("--cat", "--rows", "0:1", file, ".arrayfs/text/m.txt").refused("has no rows")
    for wrong in ("1", "a:b", "1:2:3", "", "1:x", "1 :2", "99999999999999999999:", "--:"):
        s.run("--cat", "--rows", wrong, file, "m").refused(f"--rows {wrong}", code=2)
    parquet = os.path.join(DATA, "parquet", "pyarrow-v2-zstd.parquet")
    for o in map(json.loads, s.run("--list", "--json", parquet).ok().out.splitlines()):
        if o.get("dtype") in ("int64", "float64"):
            whole = s.run("--cat", parquet, o["path"]).ok().out
            same(s.run("--cat", "--rows", "3:-2", parquet, o["path"]).ok().out, whole[24:-16], o["path"])


def test_extract_resumes(s):
    d, out = make(s), s.path("out")
    s.run("--extract", d, out).ok()
    kept = {f: os.stat(os.path.join(out, f)).st_ino for f in ("plain", "m.safetensors/a/b")}
    os.unlink(out + "/m.safetensors/z")
    os.unlink(out + "/link")
    s.run("--extract", "--resume", d, out).ok()
    same((read(out + "/m.safetensors/z"), os.readlink(out + "/link")), (b"abc", "m.safetensors/z"))
    same({f: os.stat(os.path.join(out, f)).st_ino for f in kept}, kept)
    write(out + "/plain", b"mine")
    s.run("--extract", "--resume", d, out).refused("plain: already exists, but is different")
    os.truncate(s.path("d", "m.safetensors"), os.path.getsize(s.path("d", "m.safetensors")))  # a new time
    os.utime(s.path("d", "m.safetensors"), (1, 1))
    r = s.run("--extract", "--resume", d, out)
    same((r.code, len(r.lines)), (1, 4))
    s.run("--extract", "--resume", "--force", d, out).refused("cannot be combined", code=2)


def test_extract_npy(s):
    d, out = make(s), s.path("out")
    s.run("--extract", "--npy", d, out).ok()
    files = [os.path.relpath(os.path.join(a, f), out) for a, _, fs in os.walk(out) for f in fs]
    same(sorted(files), ["m.safetensors/a/b.npy", "m.safetensors/a/c.npy", "m.safetensors/z.npy"])
    same(read(out + "/m.safetensors/z.npy"), s.run("--cat", d, ".arrayfs/npy/m.safetensors/z.npy").ok().out)
    for given, files in {"m.safetensors/a": ["b.npy", "c.npy"], "*/a/*": ["b.npy", "c.npy"], "*/a/b": ["b.npy"], "*/a/b.npy": ["b.npy"]}.items():
        s.run("--extract", "--npy", "--force", d, s.path("some"), given).ok()
        same(names(s.path("some/m.safetensors/a")), files, given)
        shutil.rmtree(s.path("some"))
    s.run("--extract", "--npy", d, s.path("some"), "plain").refused("plain.npy")
    archive(s.path("w.safetensors"), [("w1/z", "U8", [1], b"1"), ("w2", "U8", [1], b"2"), ("w*", "U8", [1], b"3")])
    for pattern, files in {"w?": ["w*.npy", "w1", "w2.npy"], "w[2]": ["w2.npy"], "w*.npy": ["w*.npy"], "w*": ["w*.npy"],
                           "**/z": ["w1"], "[w]*": ["w*.npy", "w1", "w2.npy"], "?[1-2]*": ["w1", "w2.npy"]}.items():
        shutil.rmtree(s.path("some"), ignore_errors=True)
        s.run("--extract", "--npy", s.path("w.safetensors"), s.path("some"), pattern).ok()
        same(names(s.path("some")), files, pattern)
    s.run("--extract", "--npy", s.path("w.safetensors"), s.path("some"), "n*").refused("w.safetensors: n*: matches nothing")


def on_terminal(s, *args, columns=0, **env):
    """What a terminal gets, with its line ends as they were written."""
    import fcntl
    import termios
    master, slave = terminal()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
    mode = termios.tcgetattr(slave)
    mode[1] &= ~termios.OPOST
    termios.tcsetattr(slave, termios.TCSANOW, mode)
    p = subprocess.Popen([s.exe, *args], stdin=subprocess.DEVNULL, stdout=slave, stderr=slave, env=dict(os.environ, **env))
    os.close(slave)
    out = b""
    while True:
        try:
            some = os.read(master, 65536)
        except OSError:
            break
        out += some
    os.close(master)
    p.wait(PATIENCE)
    return out.decode("utf-8", "surrogateescape")


def test_tree(s):
    d = make(s)
    os.rename(d, s.path("top"))
    tree = s.run("--list", "--tree", "top", cwd=s.dir).ok().out.decode()
    same(tree.splitlines(), [
        "top                          5 files  29",
        "├── empty/                   0 files   0",
        "├── link                               0",
        "├── m.safetensors/           3 files  19",
        "│   ├── z           uint8    [3]       3",
        "│   └── a/                   2 files  16",
        "│       ├── b       float32  [2,1]     8",
        "│       └── c       int64    []        8",
        "└── plain                             10"])
    part = s.command("env", "LC_ALL=C", s.exe, "--list", "--tree", "top", "m.safetensors/a/c", "plain", cwd=s.dir).ok().out.decode()
    same([line.split()[:2] for line in part.splitlines()],
         [["top", "2"], ["|--", "m.safetensors/"], ["|", "`--"], ["|", "`--"], ["`--", "plain"]])
    unknown = s.run("--list", "--tree", os.path.join(DATA, "parquet", "duckdb.parquet")).ok().out.decode()
    holds(re.search(r"values +uint8 +\?\n", unknown) and re.search(r"files +[0-9]+\+\n", unknown), unknown)
    archive(s.path("deep.safetensors"), [("/".join("d" * 3000), "U8", [1], b"x")])
    tree = s.run("--list", "--tree", s.path("deep.safetensors")).ok().out
    same((tree.count(b"\n"), len(tree) < 70 * 70 * 4 + 7000), (65, True))


def test_sizes_for_people(s):
    sizes = {0: "0", 1023: "1023", 1024: "1.0K", 1025: "1.1K", 10137: "9.9K", 10138: "10K", 1047552: "1023K", 1047553: "1.0M", 3 << 20: "3.0M"}
    archive(s.path("m.safetensors"), [(str(n), "U8", [n], bytes(n)) for n in sizes])
    rows = s.run("--list", "--long", "-H", s.path("m.safetensors")).ok().out.decode().splitlines()
    same({int(r.split()[3]): r.split()[2] for r in rows}, sizes)
    large = {(1 << 30) + 1: "1.1G", 10 << 30: "10G", (1 << 40) - 1: "1.0T", 5 << 40: "5.0T"}  # as ls -h has them
    for size, text in large.items():
        write(s.path("large"), b"")
        os.truncate(s.path("large"), size)
        same(s.run("--list", "--long", "-H", s.dir, "large").ok().out.split()[2].decode(), text)


def test_nothing_in_a_name_reaches_a_terminal(s):
    d = s.mkdir("d")
    archive(s.path("d", "m.safetensors"), [("\u009b31m", "U8", [1], b"x"), ("a\u202eb", "U8", [1], b"y"), ("é😀/x", "U8", [1], b"z")])
    write(os.fsencode(s.path("d")) + b"/\x1b[31m\xff", b"q")
    for args in ((), ("--long",), ("--tree",)):
        said = on_terminal(s, "--list", *args, d, LC_ALL="C.UTF-8", TERM="xterm", NO_COLOR="1")
        holds("m.safetensors" in said and "%C2%9B31m" in said and "a%E2%80%AEb" in said and "é😀/" in said and "%1B[31m%FF" in said, ascii(said))
        holds(not any(c in said for c in "\x1b\u009b\u202e\udcff"), ascii(said))
        plain = on_terminal(s, "--list", *args, d, TERM="dumb")
        coloured = on_terminal(s, "--list", *args, d, "m.safetensors", TERM="xterm")
        same(("\x1b" in plain, "\x1b[" in coloured), (False, args == ("--tree",)), args)
    said = on_terminal(s, "--cat", d, "no\u009b\u202e\x1b", TERM="xterm")
    holds("no%C2%9B%E2%80%AE%1B: No such file" in said, ascii(said))
    same(s.run("--list", s.path("d", "m.safetensors")).ok().out.decode(), "\u009b31m\na\u202eb\né😀/x\n")


def test_messages_keep_letters_and_the_fault(s):
    archive(s.path("é😀.safetensors"), [("ö", "U8", [1], b"x")])
    same(s.run("--cat", "é😀.safetensors", "nö", cwd=s.dir).refused().lines, ["arrayfs: é😀.safetensors: nö: No such file or directory; did you mean 'ö'?"])
    for path in ("x" * 100000, "é/" * 3000, "e" + "é" * 9000, "\x1b" * 3000):
        r = s.run("--cat", "é😀.safetensors", path, cwd=s.dir).refused("é😀.safetensors: ", " ... ", ": No such file or directory")
        r.err.decode()
        holds(len(r.err) < 4000 and b"\x1b" not in r.err, r.err)
