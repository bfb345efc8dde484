# SPDX-License-Identifier: MIT
"""A directory mirrored live; unmounting; truncation; real tools; many archives."""
import concurrent.futures
import mmap
import os
import socket
import subprocess
import threading

from harness import *


def test_changes_show(s):
    d = s.mkdir("d")
    simple(s.path("d", "m.safetensors"), "1")
    write(s.path("d", "plain"), b"one")
    m = s.mount(d)
    same(read(m / "plain"), b"one")
    write(s.path("d", "fresh"), b"new")
    same(read(m / "fresh"), b"new")
    with open(s.path("d", "plain"), "ab") as f:
        f.write(b" two")
    until(lambda: read(m / "plain") == b"one two", "appended", 1)
    os.unlink(s.path("d", "fresh"))
    until(lambda: not os.path.exists(m / "fresh"), "removed", 1)
    os.mkdir(s.path("d", "fresh"))
    until(lambda: os.path.isdir(m / "fresh"), "a directory now", 1)


def test_replaced_archive_is_a_new_generation(s):
    d = s.mkdir("d")
    old = simple(s.path("d", "m.safetensors"), "1", 500000)
    m = s.mount(d)
    before = os.stat(m / "m.safetensors/a").st_ino
    new = pattern("2", 500000)
    with open(m / "m.safetensors/a", "rb", buffering=0) as f:
        same(f.read(10), old[:10])
        replace(s.path("d", "m.safetensors"), archive_bytes([("a", "U8", [len(new)], new)]))
        until(lambda: read(m / "m.safetensors/a") == new, "the new bytes", 1)
        holds(os.stat(m / "m.safetensors/a").st_ino != before, "the old inode")
        f.seek(0)
        same(f.read(), old)


def test_special_files_are_never_opened(s):
    d = s.mkdir("d")
    os.mkfifo(s.path("d", "f.safetensors"))
    with socket.socket(socket.AF_UNIX) as k:
        k.bind(s.path("d", "s"))
    m = s.mount(d)
    same((oct(os.lstat(m / "f.safetensors").st_mode), oct(os.lstat(m / "s").st_mode >> 12)), ("0o10444", "0o14"))
    same(names(m.path), ["f.safetensors", "s"])


def test_bad_archive_is_a_file_with_an_error(s):
    d = s.mkdir("d")
    write(s.path("d", "bad.safetensors"), b"\xff" * 100)
    write(s.path("d", "empty.safetensors"), b"")
    write(s.path("d", "text.txt"), b"hello")
    m = s.mount(d)
    same(read(m / "bad.safetensors"), b"\xff" * 100)
    holds(os.getxattr(m / "bad.safetensors", "user.arrayfs.error"), "a reason")
    for n in ("empty.safetensors", "text.txt"):
        same(os.listxattr(m / n), [], n)


def test_follow(s):
    d, out = s.mkdir("d"), s.mkdir("out")
    data = simple(s.path("out", "m.safetensors"))
    for name, to in (("dir", out), ("m", out + "/m.safetensors"), ("up", ".."), ("self", "."), ("loop", "loop"),
                     ("dangling", "/nowhere")):
        os.symlink(to, s.path("d", name))
    os.symlink(d, s.path("out", "back"))
    m = s.mount(d)
    holds(all(os.path.islink(m / n) for n in names(m.path)), "links")
    m.stop()
    m = s.mount(d, "-o", "follow")
    same((read(m / "dir/m.safetensors/a"), read(m / "m/a")), (data, data))
    same([os.path.islink(m / n) for n in ("up", "self", "loop", "dangling")], [True] * 4)
    s.tool("find", m.path)


def test_tools_agree_with_the_plain_tree(s):
    need("diff", "tar", "du", "cp", "cmp", "find")
    d, plain = s.mkdir("d"), s.path("plain")
    archive(s.path("d", "m.safetensors"), [(f"l{i}/w", "U8", [9999 * i], pattern(i, 9999 * i)) for i in range(20)])
    write(s.path("d", "f"), b"text")
    s.run("--extract", d, plain).ok()
    m = s.mount(d)
    s.tool("diff", "-r", plain, m.path)
    s.tool("cp", "-a", m.path, s.path("copy"))
    s.tool("diff", "-r", plain, s.path("copy"))
    s.tool("tar", "-cf", s.path("t.tar"), "-C", m.path, ".")
    told = s.command("tar", "-df", s.path("t.tar"), "-C", plain).out  # modes differ: the mount is read-only
    same([line for line in told.splitlines() if b"Contents" in line or b"Size" in line], [])
    same(len(s.tool("tar", "-tf", s.path("t.tar")).splitlines()), 20 + 20 + 1 + 1 + 1)
    same(s.tool("sh", "-c", f"cd {m.path} && find . -type f -exec sha256sum {{}} + | sort"),
         s.tool("sh", "-c", f"cd {plain} && find . -type f -exec sha256sum {{}} + | sort"))
    same(s.tool("dd", f"if={m.path}/m.safetensors/l9/w", "bs=1", "skip=5000", "count=9", "status=none"),
         pattern(9, 9 * 9999)[5000:5009])
    s.tool("cmp", m / "m.safetensors/l7/w", plain + "/m.safetensors/l7/w")
    same(len(s.tool("find", m.path, "-size", "+0", "-type", "f").split()), 20)
    if shutil.which("rsync"):
        s.tool("rsync", "-a", m.path + "/", s.path("synced/"))
        same(s.tool("rsync", "-ain", "--checksum", m.path + "/", s.path("synced/")), b"")
    with open(m / "m.safetensors/l3/w", "rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as v:
        same(bytes(v), pattern(3, 29997))


def test_truncation_loses_only_what_is_lost(s):
    d = s.mkdir("d")
    path = s.path("d", "m.safetensors")
    data = simple(path, "t", 1 << 20)
    begin = os.path.getsize(path) - len(data)
    m = s.mount(path)
    good = 300001
    os.truncate(path, begin + good)
    for flags in (0, os.O_DIRECT):
        fd = os.open(m / "a", os.O_RDONLY | flags)
        buf = mmap.mmap(-1, 4096)
        for at in range(0, len(data), 4096):
            try:
                n = os.preadv(fd, [buf], at)
                same(buf[:n], data[at:at + n], f"bytes at {at}")
                holds(at + n <= good, f"{n} bytes at {at} are gone")
            except OSError as e:
                same(e.errno, errno.EIO)
                holds(at + 4096 > good - 4096, f"good bytes at {at} are lost")
        os.close(fd)
    same(len(m.log()), 1, f"log {m.log()}")


def test_mapped_bytes_that_are_cut(s):
    """A mapping in a reader: the lost pages are SIGBUS there, the others and the daemon go on."""
    d = s.mkdir("d")
    data = pattern(3, 64 << 12)
    path = archive(s.path("d", "m.safetensors"), [("a", "U8", [len(data)], data)])
    start = os.path.getsize(path) - len(data)
    m = s.mount(d)
    os.truncate(path, start + (32 << 12))
    look = """
import mmap, sys
f = open(sys.argv[1], "rb")
v = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
sys.stdout.buffer.write(v[:30 << 12]); sys.stdout.flush()
v[40 << 12]
"""
    r = s.command(sys.executable, "-c", look, m / "m.safetensors/a")
    # A second later it is a broken archive, which is a file: the reader may come too late.
    if r.code != 1:
        same((r.code, r.out == data[:30 << 12]), (-signal.SIGBUS, True))
    same(m.process.poll(), None)


def test_removed_and_rewritten_archives(s):
    d = s.mkdir("d")
    old, new = pattern(1, 40000), pattern(2, 40000)
    path = archive(s.path("d", "m.safetensors"), [("a", "U8", [40000], old)])
    start = os.path.getsize(path) - 40000
    m = s.mount(d)
    with open(m / "m.safetensors/a", "rb", buffering=0) as f:
        same(f.read(100), old[:100])
        os.unlink(path)
        until(lambda: not os.path.exists(m / "m.safetensors"), "it is gone", 2)
        f.seek(0)
        same(f.read(), old)  # who holds it goes on
    path = archive(s.path("d", "n.safetensors"), [("a", "U8", [40000], old)])
    same(read(m / "n.safetensors/a"), old)
    with open(path, "r+b") as f:
        f.seek(start)
        f.write(new)
    os.utime(path, (1, 1))
    until(lambda: read(m / "n.safetensors/a") == new, "the new bytes show", 2)


def test_an_ordinary_user_mounts(s):
    another_user()
    d = s.mkdir("d")
    archive(s.path("d", "m.safetensors"), [("a", "U8", [3], b"abc")])
    for parent in (os.path.dirname(d), d):
        os.chmod(parent, 0o755)
    m = s.mount(d, user=NOBODY)
    # The mount is his alone: not even root looks in.
    fails(errno.EACCES, os.listdir, m.path)
    out = subprocess.run(["cat", m / "m.safetensors/a"], user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True)
    same((out.returncode, out.stdout), (0, b"abc"))
    busy = subprocess.Popen(["sh", "-c", f"cd {m.path} && echo in && exec sleep 60"], stdout=subprocess.PIPE, user=NOBODY, group=NOBODY, extra_groups=[])
    same(busy.stdout.readline(), b"in\n")
    how = {"user": NOBODY, "group": NOBODY, "extra_groups": [], "capture_output": True}
    r = subprocess.run([s.exe_of(NOBODY), "-u", m.path], **how)
    same((r.returncode, b"in use" in r.stderr, r.stderr.count(b"\n")), (1, True, 1))
    busy.kill()
    busy.wait()
    r = subprocess.run([s.exe_of(NOBODY), "-u", m.path], **how)
    same((r.returncode, r.stderr), (0, b""))
    same(mounts(m.path), [])


def test_many_files_are_open(s):
    """Passed-through files need a descriptor each: past the limit ENFILE, and others are not harmed."""
    d = s.mkdir("d")
    for i in range(600):
        write(s.path("d", f"f{i}"), b"%d" % i)
    m = s.mount(d)
    held, refused = [], 0
    for i in range(600):
        try:
            held.append(open(m / f"f{i}", "rb"))
        except OSError as e:
            same(e.errno, errno.ENFILE)
            refused += 1
    holds(0 < refused < 200, f"{refused} refused")
    holds(len(m.fds()) < 900, f"{len(m.fds())} descriptors")
    for i, f in enumerate(held):
        same(f.read(), b"%d" % i)
        f.close()
    same(read(m / "f599"), b"599")


def test_large_archives_in_use_at_once_are_bounded(s):
    """Their metadata fit the memory one after another, not all together."""
    d, n = s.mkdir("d"), 200000
    header = ",".join('"t%d":{"dtype":"U8","shape":[1],"data_offsets":[%d,%d]}' % (k, k, k + 1) for k in range(n)).encode()
    header = b"{" + header + b"}" + b" " * (-(len(header) + 2) % 8)
    data = pattern(1, n)
    write(s.path("d", "0.safetensors"), struct.pack("<Q", len(header)) + header + data)
    for k in range(1, 10):
        os.link(s.path("d", "0.safetensors"), s.path("d", f"{k}.safetensors"))
    perturb = os.environ.pop("MALLOC_PERTURB_", None)  # touches what is never used
    try:
        m = s.mount(d, "-o", "cache=8M")
    finally:
        if perturb:
            os.environ["MALLOC_PERTURB_"] = perturb
    most = []

    def opened(path):
        """Who gets no memory waits half a minute, which is not enough where all is twenty times slower."""
        for _ in range(10):
            try:
                return open(path, "rb")
            except OSError as e:
                if e.errno != errno.ENFILE or not sanitized(s.exe):
                    raise
        return open(path, "rb")

    def look(k):
        for at in (0, 17, n - 1):
            with opened(m / f"{k}.safetensors/t{at}") as f:
                most.append(rss_anon(m.pid))
                same(f.read(), data[at:at + 1])
                time.sleep(0.1)
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        for done in [pool.submit(look, k) for k in range(10)]:
            done.result()
    if not sanitized(s.exe):
        holds(max(most) <= (64 + 8) << 20, f"{max(most) >> 20} MB")


def test_many_archives_are_bounded(s):
    d = s.mkdir("d")
    for i in range(3000):
        archive(s.path("d", f"{i}.safetensors"), [("a", "U8", [4], struct.pack("<I", i))])
    m = s.mount(d)
    for i in range(3000):
        same(read(m / f"{i}.safetensors/a"), struct.pack("<I", i))
    holds(len(m.fds()) < 600, f"{len(m.fds())} descriptors")
    if not sanitized(s.exe):
        holds(rss_anon(m.pid) < 64 << 20, f"{rss_anon(m.pid)} bytes")
        holds(len(read(f"/proc/{m.pid}/maps").splitlines()) < 1000, "mappings")
    held = [open(m / f"{i}.safetensors/a", "rb") for i in range(1000)]
    holds(len(m.fds()) < 900, f"{len(m.fds())} descriptors")
    for i, f in enumerate(held):
        same(f.read(), struct.pack("<I", i))
        f.close()


def test_readers_while_archives_are_replaced(s):
    """Each block of 64 bytes tells its generation and place: old bytes, new bytes or EIO, never others."""
    d = s.mkdir("d")
    n, stop, wrong, count = 1000, threading.Event(), [], [0]

    errors = {}

    def make(g):
        return archive_bytes([("a", "U8", [n * 64], b"".join((b"%08d %08d\n" % (g, i)).ljust(64, b".") for i in range(n)))])
    made = [make(g) for g in range(4)]
    good = {b: None for b in (g[-n * 64:] for g in made)}
    for i in range(4):
        write(s.path("d", f"{i}.safetensors"), made[0])
    m = s.mount(d)

    def reader(k):
        while not stop.is_set():
            try:
                with open(m / f"{k % 4}.safetensors/a", "rb") as f:
                    data = f.read()
                if data not in good:
                    wrong.append(data[:40])
                count[0] += 1
            except OSError as e:
                errors[e.errno] = errors.get(e.errno, 0) + 1
                if e.errno not in (errno.EIO, errno.ENOENT, errno.ENOTDIR, errno.ESTALE):
                    wrong.append(e)
    threads = [threading.Thread(target=reader, args=(k,)) for k in range(64)]
    for t in threads:
        t.start()
    end, g = time.monotonic() + 6, 0
    while time.monotonic() < end:
        g += 1
        path = s.path("d", f"{g % 4}.safetensors")
        if g % 5 == 0:
            os.truncate(path, len(made[0]) // 2)
        replace(path, made[g % 4])
        time.sleep(0.01)
    stop.set()
    for t in threads:
        t.join()
    same(wrong[:3], [], f"wrong of {count[0]}")
    holds(count[0] > 10, f"hardly a read: {count[0]}, errors {errors}")

    def reads_on(k):  # the last look may be half a second old
        try:
            return read(m / f"{k}.safetensors/a") in good
        except OSError:
            return False
    for k in range(4):
        until(lambda: reads_on(k), "it reads on", 2)


def test_unmount_command(s):
    fuse_works()
    d = s.mkdir("d")
    data = simple(s.path("d", "m.safetensors"))
    s.run("-u", d).refused(d, "nothing is mounted")
    s.run("-u", "/proc").refused("/proc", "proc")
    m = s.mount(d, made=False)
    with open(m / "m.safetensors/a", "rb") as f:
        s.run("-u", m.path).refused(m.path, "in use")
        same(f.read(), data)
    until(lambda: s.run("-u", m.path).code == 0, "unmounted")
    same((m.process.poll() is not None or m.wait() == 0, os.path.exists(m.path)), (True, False))
    m = s.mount(d, made=False)
    m.kill()
    fails(errno.ENOTCONN, os.stat, m / "never looked up")
    until(lambda: s.run("-u", m.path).code == 0, "unmounted")  # the kernel lets go of the daemon's requests later
    same(mounts(m.path), [])
