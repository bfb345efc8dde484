# SPDX-License-Identifier: MIT
"""Faults under load: what a reader gets is right for what he opened, or EIO."""
import concurrent.futures
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
            raise Skip("no stand-in for a disk beside the program: scripts/test mount builds it")
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
        for source in (disk.path, disk.file):
            r = s.run("verify", source)
            same((r.code, r.err), (1, b""))
            same([line.split(": ")[0].rpartition("/")[2] for line in r.out.decode().splitlines()], ["t1"], r.out)


def test_an_archive_that_is_cut_and_then_replaced_beneath_its_reader(s):
    """Nobody can be asked any more how long it is; zeros stand behind the cut in its page."""
    n = 16 * PAGE
    data = bytes(1 + b % 255 for b in pattern(1, n))
    source = s.mkdir("source")
    path, m = os.path.join(source, "m.safetensors"), s.mount(source)
    for k in range(130):  # more than are kept at hand, and their files open
        simple(os.path.join(source, f"other{k}.safetensors"))
    for cut in (5 * PAGE + 100, n - 100, n - PAGE - 1, 7 * PAGE):
        archive(path, [("t", "U8", [n], data)])
        fd, buf = os.open(m / "m.safetensors/t", os.O_RDONLY | os.O_DIRECT), mmap.mmap(-1, PAGE)
        try:
            inode = os.fstat(fd).st_ino
            os.truncate(path, os.path.getsize(path) - n + cut)
            os.replace(archive(s.path("new"), [("t", "U8", [n], data[::-1])]), path)
            until(lambda: os.stat(m / "m.safetensors/t").st_ino != inode, "the new archive is there")
            for k in range(130):
                os.stat(m / f"other{k}.safetensors/a")
            for at in range(0, n, PAGE):
                try:
                    same(buf[:os.preadv(fd, [buf], at)], data[at:at + PAGE], f"cut at {cut}: page at {at}")
                    holds(at + PAGE <= cut, f"cut at {cut}: page at {at} cannot be known")
                except OSError as e:
                    same(e.errno, errno.EIO, f"cut at {cut}: page at {at}")
                    holds(at + 3 * PAGE > cut, f"cut at {cut}: page at {at} is not read")
        finally:
            os.close(fd)


def test_what_cannot_be_opened_again_is_let_go_once(s):
    """Its archive was given up and replaced, so opening it by its inode fails, again and
    again, while it is being forgotten."""
    source = s.mkdir("source")
    path, m = os.path.join(source, "m.safetensors"), s.mount(source)
    for k in range(130):  # more than are kept at hand
        simple(os.path.join(source, f"other{k}.safetensors"))
    for at in range(5):
        os.replace(archive(s.path("old"), [(f"a{at}", "U8", [3], b"old")]), path)
        until(lambda: os.path.exists(m / f"m.safetensors/a{at}"), "the old archive is there")
        link, top = os.open(m / f"m.safetensors/a{at}", os.O_PATH), os.open(m / "m.safetensors", os.O_PATH)
        os.replace(archive(s.path("new"), [("b", "U8", [3], b"new")]), path)
        until(lambda: os.stat(m / "m.safetensors").st_ino != os.fstat(top).st_ino, "the new archive is there")
        for k in range(130):
            os.stat(m / f"other{k}.safetensors/a")

        def look():
            for _ in range(20):
                fails(errno.ESTALE, os.open, f"/proc/self/fd/{link}", os.O_RDONLY)
                fails(errno.ESTALE, os.listdir, f"/proc/self/fd/{top}")
                fails(errno.ESTALE, os.stat, f"/proc/self/fd/{top}/b")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(look) for _ in range(8)]:
                done.result()
        os.close(link)
        os.close(top)
        same(read(m / "m.safetensors/b"), b"new")


def test_each_fault_is_told_once_a_minute(s):
    """However many there are: readers that come back must not fill the log."""
    n = 1000
    s.mkdir("d")
    path = archive(s.path("d", "m.safetensors"), [(f"t{k}", "U8", [PAGE], bytes(PAGE)) for k in range(n)])
    m = s.mount(s.path("d"))
    held = [os.open(m / f"m.safetensors/t{k}", os.O_RDONLY | os.O_DIRECT) for k in range(n)]
    os.truncate(path, os.path.getsize(path) - n * PAGE)
    for _ in range(3):
        for fd in held:
            fails(errno.EIO, os.preadv, fd, [mmap.mmap(-1, PAGE)], 0)
    for fd in held:
        os.close(fd)
    lines = m.log()
    same(len(set(lines)), n, "faults told")
    same(len(lines), n, "lines of the log")
    m.stop()


def tree(top):
    """{path: bytes, or the error that stands in its way} of all files below."""
    got = {}
    for folder, _, files in os.walk(top):
        for name in files:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                try:
                    got[os.path.relpath(path, top)] = read(path)
                except OSError as e:
                    got[os.path.relpath(path, top)] = e.errno
    return got


def test_pages_that_decoders_cannot_read(s):
    """What is decoded from a bad page is EIO, and the rest the same as from a good disk."""
    s.mkdir("disk")
    good = bad = 0
    for name, pages in (("hdf5/index.h5", (5, 9)), ("hdf5/pack.h5", (4, 8)), ("parquet/pyarrow-pages.parquet", (1, 3))):
        path = os.path.join(DATA, name)
        whole = s.mount(path)
        want = tree(whole.path)
        whole.stop()
        for page in pages:
            with Disk(s, path, page * PAGE, page * PAGE + PAGE) as disk:
                m = s.mount(disk.path)
                same(os.listdir(m.path), [os.path.basename(path)])
                place = m / os.path.basename(path)
                for file, got in tree(place).items() if os.path.isdir(place) else ():
                    if got == errno.EIO:
                        bad += 1
                    else:
                        same(got, want[file], f"{name}/{file} with page {page} bad")
                        good += 1
                m.stop()
    holds(good > 20 and bad > 1, f"{good} good, {bad} bad")


# --- changes under readers ---------------------------------------------------

def judge(path, at, data, wrong):
    """Each block of 64 bytes tells its generation and its place: which generations those are."""
    met = set()
    for i in range(-at % 64, len(data) - 63, 64):
        words = data[i:i + 64].split()
        if len(words) < 2 or not words[1].isdigit() or int(words[1]) * 64 != at + i:
            wrong.append(f"{path} at {at + i}: {data[i:i + 64]!r}")
            break
        met.add(words[0])
    return met


def read_parts(path, rng, told):
    with open(path, "rb", buffering=0) as f:
        size, met = os.fstat(f.fileno()).st_size, set()
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(size)
            try:
                met |= judge(path, at, os.pread(f.fileno(), rng.choice([64, 5000, 100000]), at), told["wrong"])
                told["good"] += 1
            except OSError as e:
                told["lost"] += 1
                if e.errno != errno.EIO:
                    told["wrong"].append(f"reading {path}: {e}")
            time.sleep(rng.choice([0, 0.05]))
        if len(met) > 1:
            told["wrong"].append(f"{path}: {met} in what was opened once")


def readers(top, seconds, count):
    """Many threads; returns what they met."""
    told, end = {"good": 0, "lost": 0, "refused": 0, "wrong": []}, time.monotonic() + seconds

    def reader(k):
        rng = random.Random(k)
        while time.monotonic() < end:
            path = f"{top}/{rng.randrange(6)}.safetensors/a"
            try:
                read_parts(path, rng, told)
            except OSError as e:
                told["refused"] += 1
                if e.errno not in (errno.ENOENT, errno.ENOTDIR, errno.EIO, errno.ESTALE, errno.EACCES):
                    told["wrong"].append(f"opening {path}: {e}")
    threads = [threading.Thread(target=reader, args=(k,)) for k in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return told


def in_child(user, function, *args):
    """Runs it in a process of its own, of that user; the process and a pipe with what it returns."""
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if user is not None:
                os.setgroups([])
                os.setgid(user)
                os.setuid(user)
            os.write(into, json.dumps(function(*args)).encode()[:60000])
        finally:
            os._exit(0)
    os.close(into)
    return pid, out


def generation(g, n=1500):
    data = b"".join((b"%08d %08d " % (g, i)).ljust(64, b".") for i in range(n))
    return archive_bytes([("a", "U8", [len(data)], data)])


def change(path, g, rng):
    made = generation(g)
    what = rng.randrange(6)
    if what == 0:
        os.truncate(path, rng.randrange(len(made)))
    elif what == 1:  # an archive with something behind it is none
        with open(path, "ab") as f:
            f.write(b"more" * 5000)
    elif what == 2:
        os.unlink(path)
    elif what == 3:
        os.chmod(path, 0)
    else:
        replace(path, made)
    if what in (0, 1, 2):
        time.sleep(rng.random() / 10)
        replace(path, made)
    elif what == 3:
        time.sleep(rng.random() / 10)
        os.chmod(path, 0o644)


def test_everything_happens_to_archives_that_64_read(s):
    """As an ordinary user, whom a mode can keep out."""
    user = NOBODY if os.geteuid() == 0 else None
    fuse_works(user)
    d = s.mkdir("d")
    if user:
        os.chown(d, user, user)
    for k in range(6):
        path = write(s.path("d", f"{k}.safetensors"), generation(0))
        if user:
            os.chown(path, user, user)
    m = s.mount(d, user=user)
    pid, out = in_child(user, readers, m.path, 6, 64)
    rng, g = random.Random(7), 0
    if user:  # the archives are his
        os.setegid(user)
        os.seteuid(user)
    try:
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            g += 1
            change(s.path("d", f"{g % 6}.safetensors"), g, rng)
            time.sleep(0.02)
    finally:
        os.seteuid(os.getuid())
        os.setegid(os.getgid())
    with open(out, "rb") as f:
        got = json.loads(f.read())
    same(got["wrong"][:5], [])
    holds(got["good"] > 50, f"hardly a read: {got}")
    holds(g > 20, f"{g} changes")


# --- too little of something -------------------------------------------------

def limit(m, what, value):
    resource.prlimit(m.pid, what, (value, resource.prlimit(m.pid, what)[1]))


def look_at_all(m, count, want, may):
    """Every archive is right, or fails with one of `may`; how many were right."""
    right = 0
    for k in range(count):
        try:
            same(read(m / f"{k}.safetensors/a"), want[k], f"archive {k}")
            right += 1
        except OSError as e:
            holds(e.errno in may, f"archive {k}: {e}")
    return right


def test_no_memory(s):
    if sanitized(s.exe):
        return  # what a sanitizer takes is beyond any limit
    d = s.mkdir("d")
    n = 16 << 20
    want = [pattern(k, n) for k in range(12)]
    for k in range(12):
        archive(s.path("d", f"{k}.safetensors"), [("a", "U8", [n], want[k])])
    m = s.mount(d)
    with open(f"/proc/{m.pid}/statm") as f:
        now = int(f.read().split()[0]) * resource.getpagesize()
    limit(m, resource.RLIMIT_AS, now + (64 << 20))
    right = look_at_all(m, 12, want, {errno.EIO, errno.ENOMEM, errno.ENOTDIR})
    holds(right < 12, "the limit was none")
    same(m.process.poll(), None, "the daemon's exit status")
    limit(m, resource.RLIMIT_AS, resource.RLIM_INFINITY)
    # A refusal may be remembered for as long as the file is the same.
    for k in range(12):
        os.utime(s.path("d", f"{k}.safetensors"), (k, k))
    until(lambda: look_at_all(m, 12, want, {errno.EIO, errno.ENOMEM, errno.ENOTDIR}) == 12, "all are read again", 5)


def test_no_descriptors(s):
    d = s.mkdir("d")
    want = [b"%05d" % k for k in range(60)]
    for k in range(60):
        archive(s.path("d", f"{k}.safetensors"), [("a", "U8", [5], want[k])])
        write(s.path("d", f"plain{k}"), want[k])
    m = s.mount(d)
    may = {errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOTDIR}
    limit(m, resource.RLIMIT_NOFILE, max(map(int, m.fds())) + 6)
    held = []
    for k in range(60):
        try:
            held.append(open(m / f"plain{k}", "rb"))
        except OSError as e:
            holds(e.errno in may, f"plain {k}: {e}")
    holds(len(held) < 60, "the limit was none")
    holds(look_at_all(m, 60, want, may) < 60, "the limit was none")
    same([f.read() for f in held], want[:len(held)])
    for f in held:
        f.close()
    same(m.process.poll(), None, "the daemon's exit status")
    limit(m, resource.RLIMIT_NOFILE, 1024)
    until(lambda: look_at_all(m, 60, want, may) == 60, "all are read again", 5)


# --- killing -----------------------------------------------------------------

def sparse(path, n):
    """One tensor of n zeros."""
    text = json.dumps({"a": {"dtype": "U8", "shape": [n], "data_offsets": [0, n]}}).encode()
    text += b" " * (-len(text) % 8)
    write(path, struct.pack("<Q", len(text)) + text)
    os.truncate(path, 8 + len(text) + n)


def test_readers_are_killed(s):
    d = s.mkdir("d")
    sparse(s.path("d", "big.safetensors"), 4 << 30)
    want = simple(s.path("d", "m.safetensors"), "x", 300000)
    m = s.mount(d)
    same(read(m / "m.safetensors/a"), want)
    before = len(m.fds())
    for _ in range(3):
        readers = [subprocess.Popen(["cat", m / "big.safetensors/a", m / "m.safetensors/a"], stdout=subprocess.DEVNULL)
                   for _ in range(16)]
        time.sleep(0.1)
        for r in readers:
            r.kill()
        for r in readers:
            same(r.wait(PATIENCE), -signal.SIGKILL, "a reader's end")
    same(read(m / "m.safetensors/a"), want)
    until(lambda: len(m.fds()) <= before + 2, f"descriptors are as before, {before}")
    s.run("-u", m.path).ok()
    m.wait()


def test_the_daemon_is_killed_under_readers(s):
    d = s.mkdir("d")
    sparse(s.path("d", "big.safetensors"), 4 << 30)
    want = simple(s.path("d", "m.safetensors"), "x", 300000)
    for _ in range(2):
        m = s.mount(d, at=s.path("mnt"), made=False)
        same(read(m / "m.safetensors/a"), want)
        readers = [subprocess.Popen(["cat", m / "big.safetensors/a"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                   for _ in range(16)]
        time.sleep(0.1)
        m.kill()
        for r in readers:
            _, said = r.communicate(timeout=PATIENCE)
            same((r.returncode, len(said.splitlines())), (1, 1), f"a reader's end {said!r}")
        fails(errno.ENOTCONN, os.stat, m / "never looked up")
        s.run("-u", m.path).ok()
        same((mounts(m.path), os.path.exists(m.path)), ([], False))
