# SPDX-License-Identifier: MIT
"""What every case needs: the program and its peers made ready, data made once, a
mount for the time of a with, and two commands timed in turn."""
import ctypes
import mmap
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build"
DATA = BUILD / "bench"
# What is written goes to memory, where there is some: a disk would be measured.  And it goes over
# what was written before: a virtual machine's host may take back memory that was freed, and lets
# whoever wants it next wait, for a second per GiB.
OUT = pathlib.Path("/dev/shm" if os.access("/dev/shm", os.W_OK) else BUILD) / "arrayfs-bench-out"
VENV = BUILD / "bench-venv"
PYTHON = VENV / "bin" / "python"
ARRAYFS = pathlib.Path(os.environ.get("ARRAYFS", BUILD / "mount" / "arrayfs"))
MINIMAL = BUILD / "tests" / "minimal"
PACKAGES = ["safetensors==0.8.0", "numpy==2.4.6", "ml_dtypes==0.6.0", "ratarmount==1.3.0",
            "pyarrow==26.0.1", "duckdb==2.0.0", "polars==2.1.0", "h5py==3.16.0", "torch==2.13.0", "joblib==1.6.0",
            "onnx==1.23.2", "gguf==0.19.0", "ai-edge-litert==2.3.0", "flax==0.12.8", "msgpack==1.2.4", "google-crc32c==1.9.0", "sft-cli==0.2.2"]


# --- set-up ---------------------------------------------------------------

def quietly(*command):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"bench: {' '.join(map(str, command))}\n{done.stdout}")


def set_up():
    quietly(ROOT / "scripts" / "needs", "tests", "bench")
    if not (BUILD / "build.ninja").exists():
        quietly("meson", "setup", BUILD, ROOT)
    quietly("ninja", "-C", BUILD)
    installed, wanted = VENV / "packages", "\n".join(PACKAGES)
    if not installed.exists() or installed.read_text() != wanted:
        quietly(sys.executable, "-m", "venv", VENV)
        quietly(PYTHON, "-m", "pip", "install", "-q", *PACKAGES)
        installed.write_text(wanted)
    DATA.mkdir(exist_ok=True)
    OUT.touch()


def make(name, code):
    """A file that the reference library writes, once."""
    path = DATA / name
    if not path.exists():
        partial = path.with_suffix(".partial")
        quietly(PYTHON, "-c", code, partial)
        partial.rename(path)
    return path


# --- measuring ------------------------------------------------------------

def timed(action):
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def run(*command):
    subprocess.run([str(c) for c in command], stdout=subprocess.DEVNULL, check=True)


def resident(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def wait_for(mountpoint):
    deadline = time.monotonic() + 30
    while not os.path.ismount(mountpoint):
        if time.monotonic() > deadline:
            sys.exit(f"bench: {mountpoint} was not mounted")
        os.sched_yield()


class Mount:
    """A daemon in the foreground, for the time of a with."""

    def __init__(self, *command):
        self.point = DATA / "mnt"
        self.command = [str(c) for c in command] + [str(self.point)]

    def __enter__(self):
        self.point.mkdir(exist_ok=True)
        if os.path.ismount(self.point):
            sys.exit(f"bench: {self.point} is mounted already: unmount it first")
        self.daemon = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.point)
        os.listdir(self.point)
        return self

    def __exit__(self, *_):
        subprocess.run(["umount" if os.geteuid() == 0 else "fusermount3", *([] if os.geteuid() == 0 else ["-u"]),
                        str(self.point)], check=True)
        self.daemon.wait()


def read_ahead(point, kb=None):
    st = os.stat(point)
    path = pathlib.Path(f"/sys/class/bdi/{os.major(st.st_dev)}:{os.minor(st.st_dev)}/read_ahead_kb")
    if kb and os.access(path, os.W_OK):
        path.write_text(str(kb))
    return int(path.read_text())


def wait_read_ahead(point):
    """The mount raises it as soon as it answers, if it may."""
    deadline = time.monotonic() + (1 if os.geteuid() == 0 else 0)
    while read_ahead(point) == 128 and time.monotonic() < deadline:
        os.sched_yield()
    return read_ahead(point)


BUFFER = bytearray(1 << 17)


def read_through(path, offset=0, size=None):
    fd = os.open(path, os.O_RDONLY)
    size = os.fstat(fd).st_size if size is None else size
    end = offset + size
    while offset < end:
        n = os.preadv(fd, [memoryview(BUFFER)[:min(len(BUFFER), end - offset)]], offset)
        if n == 0:
            break
        offset += n
    os.close(fd)


PIECE = mmap.mmap(-1, 1 << 20)  # begins at a page, as O_DIRECT wants it


def read_pieces(path, offset=0, size=None, direct=False):
    """1 MiB at a time, past the page cache if direct."""
    fd = os.open(path, os.O_RDONLY | (os.O_DIRECT if direct else 0))
    end = offset + (os.fstat(fd).st_size if size is None else size)
    while offset < end and (n := os.preadv(fd, [PIECE], offset)):
        offset += n
    os.close(fd)


def processor(pid=0):
    """Seconds that the process has worked, in all its threads: clock_getcpuclockid(3)."""
    return time.clock_gettime(~pid << 3 | 2)


def worked(action, *pids):
    """(wall, processor) seconds: of this process and those."""
    before, start = sum(map(processor, (os.getpid(), *pids))), time.perf_counter()
    action()
    return time.perf_counter() - start, sum(map(processor, (os.getpid(), *pids))) - before


def forget(path):
    """Takes a file's pages out of the page cache."""
    fd = os.open(path, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


LIBC = ctypes.CDLL(None)
LIBC.memchr.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


class Mapped:
    """A mapping of a file or of a part of it, which a search goes through."""

    def __init__(self, path, offset=0, size=None):
        fd = os.open(path, os.O_RDONLY)
        self.size = os.fstat(fd).st_size if size is None else size
        self.slack = offset % mmap.PAGESIZE
        self.at = LIBC.mmap(None, self.size + self.slack, mmap.PROT_READ, mmap.MAP_SHARED, fd, offset - self.slack)
        os.close(fd)

    def search(self):
        LIBC.memchr(self.at + self.slack, 0, self.size)

    def close(self):
        LIBC.munmap(self.at, self.size + self.slack)


def search_mapped(*where):
    mapped = Mapped(*where)
    mapped.search()
    mapped.close()


def pairs(times):
    """What is told of times that were taken side by side: ours, the peer's."""
    ours, peer = zip(*times)
    return {
        "ours": statistics.median(ours), "ours_min": min(ours), "peer": statistics.median(peer), "peer_min": min(peer),
        "ratio": statistics.median(b / a for a, b in times),
    }


def compare(runs, ours, theirs):
    """Both in turn, after one round that is not counted."""
    return pairs([(ours(), theirs()) for _ in range(runs + 1)][1:])


def best_peer(peers, path):
    """The fastest of the peers' scripts on this file, which a column is then held against: its name, and what times it."""
    times = {}
    for name, code in peers.items():
        try:
            run(PYTHON, "-c", code, path, OUT)
            times[name] = min(timed(lambda: run(PYTHON, "-c", code, path, OUT)) for _ in range(2))
        except subprocess.CalledProcessError:
            continue
    name = min(times, key=times.get)
    return name, lambda: timed(lambda: run(PYTHON, "-c", peers[name], path, OUT))


def cat_to_file(*arguments):
    with open(OUT, "r+b") as out:
        subprocess.run([str(ARRAYFS), "--cat", *map(str, arguments)], stdout=out, check=True)


# --- results --------------------------------------------------------------

RESULTS = []
quiet = False  # a program reads, not a person


def say(line):
    if not quiet:
        print(line, flush=True)


def tell(case, us, peer, result, goal):
    RESULTS.append({"case": case, "command": us, "peer_command": peer, "goal": goal, **result})
    say(f"{case:<34} {result['ours'] * 1e3:10.1f} ms {result['peer'] * 1e3:10.1f} ms "
        f"{result['ratio']:8.2f} x   {goal or '-'}")
