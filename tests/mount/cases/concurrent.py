# SPDX-License-Identifier: MIT
"""Many readers at once, a cache that is too small for them, archives on a disk that
does not answer, and readers that go away: every byte is right, nobody waits for
another's archive, and who is killed is gone."""
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time

from harness import *

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "..", "interop"))
from tap import LIBRARIES  # noqa: E402

PYTHON = os.environ.get("TEST_PYTHON", sys.executable)
PROMPTLY = 5.0  # seconds; what it is compared with takes for ever

# Writes t.parquet, t.h5 and t.safetensors to argv[1]: about a megabyte each node,
# and prints what the reference libraries were given: path, digest.
MAKE = r"""
import hashlib, sys
import h5py, numpy as np, pyarrow as pa, pyarrow.parquet as pq
from safetensors.numpy import save_file
rng = np.random.default_rng(7)
n = 150_000
columns = {f"c{i}": rng.integers(0, 1 << 40, n) for i in range(4)} | {"d": rng.integers(0, 500, n) * 7919}
strings = [f"{x:x}" for x in rng.integers(0, 1 << 60, n)]
fields = [pa.field(k, pa.int64(), nullable=False) for k in columns] + [pa.field("s", pa.string(), nullable=False)]
pq.write_table(pa.table([*columns.values(), pa.array(strings)], schema=pa.schema(fields)), sys.argv[1] + "/t.parquet",
               compression="zstd", row_group_size=50_000, data_page_size=1 << 16, use_dictionary=["d"])
with h5py.File(sys.argv[1] + "/t.h5", "w") as f:
    for i in range(4):
        f.create_dataset(f"g/x{i}", data=columns[f"c{i}"].reshape(-1, 100), chunks=(100, 100), compression="gzip", shuffle=True)
save_file(columns, sys.argv[1] + "/t.safetensors")
def tell(path, data):
    print(path, hashlib.sha256(data).hexdigest())
for k, v in columns.items():
    tell("t.parquet/" + k, v)
    tell("t.safetensors/" + k, v)
    if k != "d":
        tell("t.h5/g/x" + k[1:], v)
tell("t.parquet/s/values", "".join(strings).encode())
tell("t.parquet/s/offsets", np.concatenate([[0], np.cumsum([len(s) for s in strings])]).astype("<i8"))
"""

# So many threads read the files named, past the cache or not, and say when they begin.
READ = r"""
import mmap, os, sys, threading
def run(path):
    try:
        fd = os.open(path, os.O_RDONLY | flags)
        room = mmap.mmap(-1, 1 << 20)
        for at in range(0, os.fstat(fd).st_size, 1 << 20):
            os.preadv(fd, [room], at)
    except OSError as e:
        print(e.errno, flush=True)
flags, count = (os.O_DIRECT if sys.argv[1] == "direct" else 0), int(sys.argv[2])
threads = [threading.Thread(target=run, args=(sys.argv[3 + i % len(sys.argv[3:])],)) for i in range(count)]
for t in threads:
    t.start()
print("begun", flush=True)
for t in threads:
    t.join()
"""

LOOK = r"""
import os, sys
print("begun", flush=True)
{}
"""


def make(s, *parts):
    """The three archives in a directory; what their nodes must hold."""
    where = s.mkdir(*parts)
    r = s.command(PYTHON, "-c", MAKE, where, timeout=60)
    if b"ModuleNotFoundError" in r.err:
        raise Skip(LIBRARIES)
    same((r.code, r.err), (0, b""), "making the archives")
    return dict(line.split() for line in r.out.decode().splitlines())


def digest(path, direct=False):
    import mmap
    fd, h, room = os.open(path, os.O_RDONLY | (os.O_DIRECT if direct else 0)), hashlib.sha256(), mmap.mmap(-1, 1 << 18)
    at = 0
    while n := os.preadv(fd, [room], at):
        h.update(memoryview(room)[:n])
        at += n
    os.close(fd)
    return h.hexdigest()


def verify(m, want, readers):
    """Each reader has a few nodes, from another one on; every second goes past the
    kernel's cache."""
    paths, wrong = sorted(want), []

    def run(i):
        try:
            for k in range(max(1, 16 // readers)):
                path = paths[(i + k) % len(paths)]
                if digest(m / path, direct=i % 2 == 0) != want[path]:
                    wrong.append(path)
        except OSError as e:
            wrong.append(str(e))
    threads = [threading.Thread(target=run, args=(i,)) for i in range(readers)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(120)
    holds(not any(t.is_alive() for t in threads), f"{readers} readers do not end")
    same(wrong, [], f"{readers} readers")


def test_readers_of_all_formats_and_a_small_cache(s):
    want = make(s, "src")
    m = s.mount(s.path("src"), "-o", "cache=8M")
    for readers in (1, 8, 64, 256):
        verify(m, want, readers)
    if not sanitized(s.exe):
        holds(rss_anon(m.pid) <= (64 + 8) << 20, f"{rss_anon(m.pid) >> 20} MB")
    same(m.log(), [])


def start(s, *args):
    p = subprocess.Popen([sys.executable, "-c", *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    s.started = getattr(s, "started", []) + [p]
    same(p.stdout.readline(), "begun\n")
    return p


def slow_and_quick(s):
    """One directory, in which one folder is on the slow disk.  The archives in it
    are open; their data was not looked at."""
    want = make(s, "disk")
    make(s, "src", "quick")
    write(s.path("disk", "u.parquet"), read(s.path("disk", "t.parquet")))  # never looked at before
    simple(s.path("disk", "v.safetensors"))
    many = {f"t{i}": pattern(i, 1 << 16) for i in range(300)}
    archive(s.path("disk", "w.safetensors"), [(k, "U8", [len(v)], v) for k, v in many.items()])
    want |= {f"w.safetensors/{k}": hashlib.sha256(v).hexdigest() for k, v in many.items()}
    slow = Slow(s, s.path("disk"), s.path("src", "slow"))
    m = s.mount(s.path("src"), "-o", "cache=32M,threads=2")
    for path in want:
        os.stat(m / f"slow/{path}")
    slow.stall()
    return m, want, slow


def killed(p, sig=signal.SIGKILL):
    """It must be gone at once."""
    p.send_signal(sig)
    try:
        p.wait(PROMPTLY)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"a reader that waits outlives signal {sig}")
    finally:
        p.stdout.close()


def test_an_archive_that_is_put_away_while_it_stalls_delays_no_other(s):
    """One whose reader waits for the disk, and one of which more is decoded ahead."""
    m, want, slow = slow_and_quick(s)
    for i in range(300):
        simple(s.path("src", "quick", f"many{i}.safetensors"), seed=i)
    with slow:
        some = [path for path in want if path.startswith(("t.parquet/c", "t.h5/c", "t.safetensors/c"))]
        readers = [start(s, LOOK.format("open(sys.argv[1], 'rb').read()"), m / f"slow/{path}") for path in some]
        time.sleep(0.3)
        for p in readers[::2]:
            killed(p)
        look = start(s, LOOK.format("[open(sys.argv[1] + f'/many{i}.safetensors/a', 'rb').read() for i in range(300)]"), m / "quick")
        try:
            same(look.wait(PROMPTLY * 4), 0)
        finally:
            look.kill()
            for p in readers[1::2]:
                killed(p)
        slow.go()


def test_stalled_archive_delays_no_other(s):
    m, want, slow = slow_and_quick(s)
    with slow:
        columns = [m / f"slow/{path}" for path in want if path.startswith(("t.parquet/c", "t.h5", "t.safetensors"))]
        opening = start(s, LOOK.format("os.stat(sys.argv[1])"), m / "slow/u.parquet")
        waiting = [start(s, READ, how, "140", *columns) for how in ("direct", "cached")]
        time.sleep(0.3)  # so that they are all inside; sooner or later makes no other result
        begun = time.monotonic()
        same(names(m / "slow"), ["t.h5", "t.parquet", "t.safetensors", "u.parquet", "v.safetensors", "w.safetensors"])
        same(names(m / "slow/t.safetensors"), ["c0", "c1", "c2", "c3", "d"])  # beside one that is being opened
        for path in (p for p in want if p[0] == "t"):
            same(digest(m / f"quick/{path}", direct=True), want[path], path)
            same(digest(m / f"quick/{path}"), want[path], path)
        took = time.monotonic() - begun
        holds(took < PROMPTLY * (4 if sanitized(s.exe) else 1), f"{took:.1f} s beside readers of a stalled archive")
        for p in waiting:
            same(p.poll(), None, "a reader of the stalled archive")
            killed(p)
        same(opening.poll(), None, "who looks up an archive on a stalled disk")
        killed(opening)
        slow.go()
        for path in want:
            same(digest(m / f"slow/{path}"), want[path], path)
    same(m.log(), [])


def test_waiting_caller_is_released_by_a_signal(s):
    m, want, slow = slow_and_quick(s)
    direct = "os.preadv(os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECT), [__import__('mmap').mmap(-1, 1 << 20)], 0)"
    with slow:
        for path, what in (("t.safetensors/c0", direct), ("t.parquet/c1", direct), ("t.h5/g/x2", direct),
                           ("u.parquet", "os.stat(sys.argv[1])"), ("t.parquet/c2", "open(sys.argv[1], 'rb').read()"),
                           ("t.safetensors/c3", "open(sys.argv[1], 'rb').read()")):
            for sig in (signal.SIGKILL, signal.SIGINT):
                if sig == signal.SIGINT and "open(sys" in what:
                    continue  # who reads through the page cache is only killed, as with any disk
                p = start(s, "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL)\n" + LOOK.format(what), m / f"slow/{path}")
                time.sleep(0.1)
                same(p.poll(), None, f"{what} of {path} on a stalled disk")
                killed(p, sig)
        same(digest(m / "quick/t.parquet/c0"), want["t.parquet/c0"])
        slow.go()
        for path in want:
            same(digest(m / f"slow/{path}", direct=True), want[path], path)
    same(m.log(), [])


def test_timer_does_not_disturb_a_quick_read(s):
    """Callers with timers get signals all the time, and few expect EINTR of a file."""
    want = make(s, "src")
    m = s.mount(s.path("src"), "-o", "cache=8M")
    ticks, path = [], m / "t.parquet/c0"
    fd = os.open(path, os.O_RDONLY | os.O_DIRECT)
    import mmap
    room = mmap.mmap(-1, 1 << 16)
    before = signal.signal(signal.SIGALRM, lambda *_: ticks.append(1))
    preadv = libc.preadv64  # without Python's own repetition after EINTR
    preadv.restype = ctypes.c_ssize_t
    vector = (ctypes.c_size_t * 2)(ctypes.addressof(ctypes.c_char.from_buffer(room)), len(room))
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        end = time.monotonic() + 1
        while time.monotonic() < end:
            for at in range(0, os.fstat(fd).st_size, len(room)):
                got = preadv(fd, vector, 1, ctypes.c_long(at))
                holds(got > 0, f"at {at}: {os.strerror(ctypes.get_errno())}")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        os.close(fd)
    holds(len(ticks) > 20, f"only {len(ticks)} signals")
    same(digest(path), want["t.parquet/c0"])


def test_nothing_is_decoded_for_a_reader_that_went_away(s):
    """Of its 15 chunks, those that the reader's thread and the two workers had begun."""
    m, want, slow = slow_and_quick(s)
    decoded = lambda: json.loads(read(m / ".arrayfs/stats.json"))["cache"]["decoded"]
    with slow:
        p = start(s, READ, "direct", "1", m / "slow/t.h5/g/x0")
        time.sleep(0.1)
        killed(p)
        time.sleep(0.5)  # it is released first, then answered
        slow.go()

        def at_rest():
            before = decoded()
            time.sleep(0.2)
            return before == decoded()
        until(at_rest, "decoding ends")
        holds(decoded() < 8, f"{decoded()} blocks are decoded")
        same(digest(m / "slow/t.h5/g/x0"), want["t.h5/g/x0"])
