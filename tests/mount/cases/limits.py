# SPDX-License-Identifier: MIT
"""The daemon's own needs: few descriptors, no working directory."""
import os
import subprocess

from harness import *


def limited(s, n, source, *options):
    """Mounts with so many descriptors; the daemon's and its keeper's process numbers."""
    fuse_works()
    s.command("sh", "-c", 'ulimit -n "$1"; shift; exec "$@"', "sh", str(n), s.exe, *OPTIONS, *options, source, s.path("mnt")).ok()
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if s.path("mnt").encode() in read(f"/proc/{pid}/cmdline") and b"arrayfs" in read(f"/proc/{pid}/comm"):
                found.append(int(pid))
        except OSError:
            pass
    return found


def most(pids):
    return max(len(os.listdir(f"/proc/{p}/fd")) for p in pids)


def test_many_archives_and_files_with_few_descriptors(s):
    need_root()
    fuse_works()
    d = s.mkdir("d")
    want = {}
    for i in range(600):
        data = pattern(i, 20)
        archive(s.path("d", f"{i}.safetensors"), [("a", "U8", [20], data)])
        want[f"{i}.safetensors/a"] = data
        want[f"{i}.txt"] = write(s.path("d", f"{i}.txt"), data) and data
    for n in (128, 256, 1024):
        pids = limited(s, n, d)
        found = s.tool("find", ".", "-type", "f", cwd=s.path("mnt")).decode().split()
        same(len(found), len(want))
        sums = s.tool("sh", "-c", "find . -type f | xargs -P 8 -n 20 sha256sum", cwd=s.path("mnt")).decode().split()
        same({p[2:]: h for h, p in zip(sums[::2], sums[1::2])}, {p: hashlib.sha256(v).hexdigest() for p, v in want.items()})
        holds(most(pids) < n, (n, most(pids)))
        holds(most(pids) < 512, most(pids))
        held = [open(s.path("mnt", f"{i}.txt"), "rb") for i in range(min(n // 4 - 2, 200))]
        same(read(s.path("mnt", "7.safetensors", "a")), want["7.safetensors/a"])
        for f in held:
            f.close()
        s.run("-u", s.path("mnt")).ok()


def test_one_archive_of_more_files_than_descriptors(s):
    need_root()
    fuse_works()
    shards, count = s.mkdir("d"), 500
    where = {}
    for i in range(count):
        archive(s.path("d", f"s{i}.safetensors"), [(f"t{i}", "U8", [9000], pattern(i, 9000))])
        where[f"t{i}"] = f"s{i}.safetensors"
    index = s.path("d", "model.safetensors.index.json")
    write(index, json.dumps({"metadata": {}, "weight_map": where}).encode())
    for source, below in ((index, ""), (shards, "model.safetensors.index.json/")):
        for n in (128, 1024):
            pids = limited(s, n, source)
            for i in range(count):
                same(read(s.path("mnt", f"{below}t{i}")), pattern(i, 9000), i)
            holds(most(pids) < min(n, 400), (n, most(pids)))
            s.run("-u", s.path("mnt")).ok()
    r = s.command("sh", "-c", 'ulimit -n 128; exec "$@"', "sh", s.exe, "--cat", index, "t499", "t0")
    same(r.ok().out, pattern(499, 9000) + pattern(0, 9000))


def test_a_shard_that_is_cut_is_an_error_without_its_descriptor(s):
    need_root()
    fuse_works()
    s.mkdir("d")
    where = {}
    for i in range(100):
        archive(s.path("d", f"s{i}.safetensors"), [(f"t{i}", "U8", [90000], pattern(i, 90000))])
        where[f"t{i}"] = f"s{i}.safetensors"
    index = s.path("d", "model.safetensors.index.json")
    write(index, json.dumps({"metadata": {}, "weight_map": where}).encode())
    limited(s, 128, index)
    size = os.path.getsize(s.path("d", "s99.safetensors"))
    os.truncate(s.path("d", "s99.safetensors"), size - 50000)
    fails(errno.EIO, read, s.path("mnt", "t99"))
    replace(s.path("d", "s98.safetensors"), b"another file")
    same(read(s.path("mnt", "t98")), pattern(98, 90000))
    s.run("-u", s.path("mnt")).ok()


def test_the_working_directory_is_the_root(s):
    need_root()
    fuse_works()
    data = simple(s.path("m.safetensors"))
    s.mkdir("d")
    simple(s.path("d", "x.safetensors"))
    for source, file in (("m.safetensors", "a"), ("d", "x.safetensors/a"), (".", "m.safetensors/a")):
        exe = s.exe_of(os.geteuid())  # a copy, which no other test runs
        s.command(exe, *OPTIONS, source, "mnt", cwd=s.dir).ok()
        same(len(read(s.path("mnt", file))), len(data))
        pids = [p for p in filter(str.isdigit, os.listdir("/proc")) if exe.encode() in read_or_none(f"/proc/{p}/cmdline")]
        holds(pids, "the daemon's process")
        same({os.readlink(f"/proc/{p}/cwd") for p in pids}, {"/"})
        s.run("-u", "mnt", cwd=s.dir).ok()
    p = subprocess.Popen([s.exe, "-f", *OPTIONS, "d", "mnt"], cwd=s.dir)
    until(lambda: mounts(s.path("mnt")), "mounted")
    os.stat(s.path("mnt"))
    until(lambda: os.readlink(f"/proc/{p.pid}/cwd") == "/", "it leaves")
    same(len(read(s.path("mnt/x.safetensors/a"))), len(data))
    p.terminate()
    same(p.wait(PATIENCE), 0)


def read_or_none(path):
    try:
        return read(path)
    except OSError:
        return b""
