# SPDX-License-Identifier: MIT
"""SOURCE's own files below .arrayfs/original: byte for byte, as readable and as alive as they are."""
import json
import mmap
import os
import threading
import time

from harness import *


def folder(s):
    """A folder as model hubs have it: an archive, what belongs to it, links, and one more archive below."""
    top = s.mkdir("src")
    data = simple(s.path("src/m.safetensors"), "m", 300000)
    write(s.path("src/config.json"), b'{"layers": 1}')
    os.symlink("m.safetensors", s.path("src/link.safetensors"))
    s.mkdir("src/sub")
    simple(s.path("src/sub/n.safetensors"), "n")
    return top, data


def requests(m):
    return json.loads(read(m / ".arrayfs/stats.json"))["requests"]


def by_itself(s):
    """Does the kernel read what root mounts by itself?  From 6.9 on, but not for a container's root, nor what lies on an overlay."""
    release = tuple(int(n) for n in os.uname().release.split("-")[0].split(".")[:2])
    kind = s.tool("stat", "-f", "-c", "%T", s.dir).decode().strip()
    whole = read("/proc/self/uid_map").split() == [b"0", b"0", b"4294967295"]
    return os.geteuid() == 0 and whole and release >= (6, 9) and kind != "overlayfs"


def test_the_tree_in_which_archives_are_files(s):
    need("diff")
    top, _ = folder(s)
    m = s.mount(top)
    holds(os.path.isdir(m / "m.safetensors"), "the archive is a directory")
    s.tool("diff", "-r", "--no-dereference", top, m / ".arrayfs/original")
    same(names(m / ".arrayfs/original"), names(top))
    same(os.readlink(m / ".arrayfs/original/link.safetensors"), "m.safetensors")
    same(read(m / ".arrayfs/original/link.safetensors"), read(s.path("src/m.safetensors")))
    same(os.listxattr(m / ".arrayfs/original/m.safetensors"), [])
    holds(not os.path.lexists(m / ".arrayfs/original/.arrayfs"), "views within")
    fails(errno.EROFS, open, m / ".arrayfs/original/m.safetensors", "r+b")
    a, b = os.stat(s.path("src/m.safetensors")), os.stat(m / ".arrayfs/original/m.safetensors")
    same((b.st_size, b.st_mtime_ns, b.st_uid, b.st_mode & 0o7777), (a.st_size, a.st_mtime_ns, a.st_uid, a.st_mode & 0o444))
    holds(b.st_ino != os.stat(m / "m.safetensors").st_ino, "the directory's inode")
    for e in os.scandir(m / ".arrayfs/original"):
        same((e.inode(), e.is_dir(follow_symlinks=False)), (os.lstat(e.path).st_ino, e.name == "sub"), e.name)
    with open(m / ".arrayfs/original/m.safetensors", "rb") as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        same(bytes(mapped), read(s.path("src/m.safetensors")), "mapped")


def test_the_kernel_reads_by_itself(s):
    top, _ = folder(s)
    m = s.mount(top)
    if not by_itself(s):
        return
    for _ in range(2):
        same(read(m / ".arrayfs/original/m.safetensors"), read(s.path("src/m.safetensors")))
    same(requests(m)["read"], 0, "reads by the daemon")
    with open(m / ".arrayfs/original/m.safetensors", "rb", 0) as f:  # bytes as at the time of the read
        with open(s.path("src/m.safetensors"), "r+b", 0) as w:
            w.seek(1000)
            w.write(b"overwritten")
        same(os.pread(f.fileno(), 11, 1000), b"overwritten")


def test_of_a_single_archive(s):
    path = s.path("m.safetensors")
    simple(path, "m", 300000)
    whole = read(path)
    m = s.mount(path)
    same(names(m / ".arrayfs/original"), ["m.safetensors"])
    same(read(m / ".arrayfs/original/m.safetensors"), whole)
    if by_itself(s):
        same(requests(m)["read"], 0, "reads by the daemon")
    archive(s.path("new"), [("b", "U8", [3], b"new")])
    os.rename(s.path("new"), path)
    time.sleep(0.6)
    same(read(m / ".arrayfs/original/m.safetensors"), whole, "replaced meanwhile")
    same(read(m / "a"), pattern("m", 300000))
    same(s.run("--cat", path, ".arrayfs/original/m.safetensors").ok().out, read(path))


def test_after_arrays_were_read(s):
    """Then the kernel opens files without asking: it reads through us."""
    path = s.path("m.safetensors")
    data = simple(path, "m", 300000)
    m = s.mount(path)
    same(read(m / "a"), data)
    for _ in range(2):
        same(read(m / ".arrayfs/original/m.safetensors"), read(path))


def test_of_an_index(s):
    for i in (1, 2):
        simple(s.path(f"{i}.safetensors"), i, name=f"t{i}")
    index = s.path("m.safetensors.index.json")
    write(index, json.dumps({"weight_map": {"t1": "1.safetensors", "t2": "2.safetensors"}}).encode())
    os.chmod(s.path("2.safetensors"), 0o600)
    m = s.mount(index)
    same(names(m / ".arrayfs/original"), ["1.safetensors", "2.safetensors", "m.safetensors.index.json"])
    for name in names(m / ".arrayfs/original"):
        same(read(m / f".arrayfs/original/{name}"), read(s.path(name)), name)
        same(os.stat(m / f".arrayfs/original/{name}").st_mode & 0o777, os.stat(s.path(name)).st_mode & 0o444, name)


def test_of_a_dataset(s):
    top = s.mkdir("d")
    write(s.path("d/a.parquet"), read(os.path.join(DATA, "parquet", "polars.parquet")))
    m = s.mount(top, "-o", "dataset")
    same(read(m / ".arrayfs/original/a.parquet"), read(s.path("d/a.parquet")))
    write(s.path("d/more"), b"later")
    same(read(m / ".arrayfs/original/more"), b"later")


def test_no_more_readable_than_in_the_source(s):
    need_root()
    top, user = folder(s)[0], NOBODY
    for mode, code in ((0o600, errno.EACCES), (0o644, None)):
        os.chmod(s.path("src/m.safetensors"), mode)
        m = s.mount(top, "-o", "allow_other")
        path = m / ".arrayfs/original/m.safetensors"
        r = s.command("cat", path, user=user)
        same((r.code, r.out), (1, b"") if code else (0, read(s.path("src/m.safetensors"))), oct(mode))
        os.chmod(s.path("src/m.safetensors"), 0o600)
        until(lambda: s.command("cat", path, user=user).code == 1, "closed to others")
        os.chmod(s.path("src/sub"), 0o700)
        until(lambda: s.command("ls", m / ".arrayfs/original/sub", user=user).code, "a folder closed to others")
        os.chmod(s.path("src/sub"), 0o755)
        m.stop()


def test_what_an_ordinary_user_has_read_is_kept(s):
    user = another_user()
    top, _ = folder(s)
    os.chmod(s.path("src/m.safetensors"), 0o644)
    m = s.mount(top, user=user)
    path = m / ".arrayfs/original/m.safetensors"

    def look():
        same(s.tool("cat", path, user=user), read(s.path("src/m.safetensors")))
        return json.loads(s.tool("cat", m / ".arrayfs/stats.json", user=user))["requests"]["read"]
    until(lambda: time.time() > os.stat(s.path("src/m.safetensors")).st_ctime + 2.1, "an archive that is not new")
    first = look()
    holds(first > 0, "read by the daemon")
    same(look(), first, "read again")
    with open(s.path("src/m.safetensors"), "r+b") as f:  # what the times tell
        f.seek(200000)
        f.write(b"changed")
    until(lambda: s.tool("cat", path, user=user) == read(s.path("src/m.safetensors")), "the new bytes", 1.5)


def test_a_replaced_archive(s):
    top, _ = folder(s)
    m = s.mount(top)
    path, before = m / ".arrayfs/original/m.safetensors", read(s.path("src/m.safetensors"))
    with open(path, "rb") as f:
        ino = os.fstat(f.fileno()).st_ino
        replace(s.path("src/m.safetensors"), archive_bytes([("z", "U8", [5], b"fresh")]))
        until(lambda: read(path) == read(s.path("src/m.safetensors")), "the new archive", 1.5)
        same(f.read(), before, "held open")
        same(os.fstat(f.fileno()).st_size, len(before))
        holds(os.stat(path).st_ino != ino, "the old inode")
    os.unlink(s.path("src/m.safetensors"))
    until(lambda: not os.path.lexists(path), "gone", 1.5)


def test_opened_by_many_at_once(s):
    """All of them in one way, however opening and closing fall together."""
    top, _ = folder(s)
    m = s.mount(top)
    want, wrong = read(s.path("src/m.safetensors")), []

    def look():
        try:
            for _ in range(30):
                with open(m / ".arrayfs/original/m.safetensors", "rb", 0) as f:
                    if f.read(5000) != want[:5000]:
                        wrong.append("bytes")
        except OSError as e:
            wrong.append(e)
    threads = [threading.Thread(target=look) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    same(wrong, [])


def test_a_mountpoint_inside_source(s):
    top, _ = folder(s)
    m = s.mount(top, at=s.mkdir("src/mnt"))
    same(names(m / ".arrayfs/original/mnt"), [])
    same(names(m / ".arrayfs/original"), ["config.json", "link.safetensors", "m.safetensors", "mnt", "sub"])


def test_links_that_lead_out(s):
    top, _ = folder(s)
    out = simple(s.path("out.safetensors"), "out")
    os.symlink(s.path("out.safetensors"), s.path("src/out.safetensors"))
    m = s.mount(top)
    holds(os.path.islink(m / ".arrayfs/original/out.safetensors"), "a link")
    m.stop()
    m = s.mount(top, "-o", "follow")
    holds(not os.path.islink(m / ".arrayfs/original/out.safetensors"), "followed")
    same(read(m / ".arrayfs/original/out.safetensors"), read(s.path("out.safetensors")))
    same(read(m / "out.safetensors/a"), out)
