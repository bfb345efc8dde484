# SPDX-License-Identifier: MIT
"""What scripts/soak does."""
import collections
import errno
import hashlib
import mmap
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import writers

SECONDS = float(sys.argv[1])
LOAD = float(os.environ.get("SOAK_LOAD", "1"))
READERS = int(os.environ.get("SOAK_READERS", "8"))
CACHE = 32 << 20
SLOTS, GENERATIONS = 6, 4  # of each format
# What is promised: memory, descriptors; and what one that leaks would pass.
MOST = {"anon": (64 << 20) + CACHE, "fds": 900, "threads": 100}
GROWTH = {"anon": 8 << 20, "fds": 40, "threads": 16}
# An archive that is gone, or that is a broken file at the moment, cannot be opened.
GONE = {errno.ENOENT, errno.ENOTDIR, errno.EIO, errno.ESTALE}


class Slot:
    """A name in the folder and what may be met under it."""

    def __init__(self, fmt, number):
        self.fmt = fmt
        self.name = f"{fmt}-{number}{writers.SUFFIX[fmt]}"
        self.made = []    # paths of the generations
        self.shown = []   # of each: {path: bytes}


class Soak:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="arrayfs-soak-")
        self.source, self.store, self.mnt = (os.path.join(self.dir, d) for d in ("source", "store", "mnt"))
        for d in (self.source, self.store, self.mnt):
            os.mkdir(d)
        self.slots, self.wrong, self.told = [], [], []
        self.count = collections.Counter()
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.start = time.monotonic()
        self.cpu = 0.0
        self.daemon = None

    def say(self, line):
        print(line, flush=True)
        if os.environ.get("SOAK_KEEP"):
            with open(os.environ["SOAK_KEEP"], "a") as f:
                f.write(line + "\n")

    def make(self):
        for fmt, write in writers.WRITERS.items():
            for k in range(SLOTS):
                slot = Slot(fmt, k)
                for g in range(GENERATIONS):
                    # An index lies beside its shards, which stay.
                    folder = self.source if fmt == "safetensors_index" else self.store
                    path = os.path.join(folder, f"{k}-{g}{writers.SUFFIX[fmt]}")
                    slot.shown.append(write(path, 1 + g + GENERATIONS * k, 2000 << k % 4))
                    slot.made.append(os.path.join(self.store, os.path.basename(path)))
                    os.rename(path, slot.made[-1])
                self.slots.append(slot)
                self.put(slot, 0)

    def put(self, slot, g):
        new = os.path.join(self.source, f".new-{threading.get_ident()}")
        shutil.copyfile(slot.made[g], new)
        os.rename(new, os.path.join(self.source, slot.name))

    # --- the load --------------------------------------------------------------

    def pause(self):
        """Holds the share of a processor that was granted, both processes together."""
        while not self.stop.is_set() and self.cpu > LOAD * (time.monotonic() - self.start):
            time.sleep(0.05)

    def changer(self):
        rng = random.Random(1)
        while not self.stop.is_set():
            slot = rng.choice(self.slots)
            path = os.path.join(self.source, slot.name)
            what = rng.choices(["replaced", "truncated", "removed", "emptied"], [6, 3, 2, 1])[0]
            try:
                if what == "replaced":
                    self.put(slot, rng.randrange(GENERATIONS))
                elif what == "truncated":
                    os.truncate(path, int(os.path.getsize(path) * rng.random()))
                elif what == "removed":
                    os.unlink(path)
                else:
                    os.truncate(path, 0)
            except FileNotFoundError:
                what = "added"
                self.put(slot, rng.randrange(GENERATIONS))
            self.count[what] += 1
            if what in ("truncated", "emptied") and rng.random() < 0.7:
                self.stop.wait(rng.random())
                self.put(slot, rng.randrange(GENERATIONS))
                self.count["replaced"] += 1
            self.stop.wait(0.02 + rng.random() * 0.3)

    def reader(self, seed):
        rng = random.Random(seed)
        while not self.stop.is_set():
            slot = rng.choice(self.slots)
            path = rng.choice(list(slot.shown[0]))
            how = rng.choices([self.whole, self.parts, self.held, self.mapped, self.around], [20, 20, 2, 1, 6])[0]
            try:
                how(rng, slot, os.path.join(self.mnt, slot.name, path), [s[path] for s in slot.shown])
                self.count["looks"] += 1
            except OSError as e:
                self.count[errno.errorcode.get(e.errno, str(e.errno))] += 1
                if e.errno not in GONE:
                    self.fault(f"{slot.name}/{path}: {e}")
            except Exception as e:
                self.fault(f"{slot.name}/{path}: {type(e).__name__}: {e}")
            self.pause()

    def fault(self, what):
        with self.lock:
            self.wrong.append(what)
        self.say(f"wrong: {what}")

    def judge(self, where, got, may):
        """got: what was read of one file that was opened once, as (offset, bytes)."""
        for want in may:
            if all(want[at:at + len(b)] == b for at, b in got):
                self.count["bytes"] += sum(len(b) for _, b in got)
                return
        digest = hashlib.sha256(b"".join(b for _, b in got)).hexdigest()[:16]
        self.fault(f"{where}: {[(at, len(b)) for at, b in got][:8]} (digest {digest}) of no generation")

    def whole(self, rng, slot, path, may):
        with open(path, "rb", buffering=0) as f:
            got, at = [], 0
            size = os.fstat(f.fileno()).st_size
            if size not in [len(m) for m in may]:
                return self.fault(f"{path}: a size of {size}")
            while b := f.read(1 << 20):
                got.append((at, b))
                at += len(b)
            if at != size:
                return self.fault(f"{path}: ends at {at}, not {size}")
        self.judge(path, got, may)

    def parts(self, rng, slot, path, may, pause=0.0):
        with open(path, "rb", buffering=0) as f:
            size, got = os.fstat(f.fileno()).st_size, []
            for _ in range(rng.randrange(1, 12)):
                at, n = rng.randrange(size + 1), rng.choice([1, 7, 4096, 65536])
                try:
                    # A read that meets a lost page after good ones is short, and the next fails.
                    end = min(at + n, size)
                    while at < end:
                        b = os.pread(f.fileno(), end - at, at)
                        if not b:
                            return self.fault(f"{path}: ends at {at}, not {size}")
                        got.append((at, b))
                        at += len(b)
                except OSError as e:  # one range is lost, the others are not
                    if e.errno != errno.EIO:
                        raise
                    self.count["EIO"] += 1
                if pause:
                    self.stop.wait(rng.random() * pause)
            self.judge(path, got, may)

    def held(self, rng, slot, path, may):
        """Open while the archive changes beneath it, perhaps more than once."""
        self.parts(rng, slot, path, may, 0.5)

    def mapped(self, rng, slot, path, may):
        """In a process of its own, as a page that is lost ends it; or is no address to write from."""
        look = "import mmap,sys; f=open(sys.argv[1],'rb'); sys.stdout.buffer.write(mmap.mmap(f.fileno(),0,prot=1))"
        r = subprocess.run([sys.executable, "-S", "-c", look, path], capture_output=True)
        if r.returncode == 0:
            self.judge(path, [(0, r.stdout)], may)
        elif r.returncode != -signal.SIGBUS and not any(w in r.stderr for w in (b"No such", b"Input/output", b"Not a dir", b"Stale",
                                                                              b"Bad address")):
            self.fault(f"{path}: mapped: {r.returncode} {r.stderr[-200:]!r}")

    def around(self, rng, slot, path, may):
        for folder, dirs, files in os.walk(os.path.join(self.mnt, slot.name)):
            for name in dirs + files:
                p = os.path.join(folder, name)
                try:
                    for attr in os.listxattr(p):
                        os.getxattr(p, attr)
                except OSError as e:
                    if e.errno not in GONE | {errno.ENODATA}:
                        raise
        view = rng.choice([("json", ".json"), ("text", ".txt"), ("npy", ".npy")])
        shown = os.path.relpath(path, self.mnt)
        with open(os.path.join(self.mnt, ".arrayfs", view[0], shown + view[1]), "rb") as f:
            f.read(1 << 20)
        with open(os.path.join(self.mnt, ".arrayfs/stats.json"), "rb") as f:
            f.read()

    # --- what is watched -------------------------------------------------------

    def sample(self):
        at = f"/proc/{self.daemon.pid}"
        with open(at + "/status") as f:
            status = dict(line.split(":", 1) for line in f)
        with open(at + "/stat") as f:
            ticks = sum(map(int, f.read().rpartition(")")[2].split()[11:13]))
        with open(at + "/maps") as f:
            maps = sum(1 for _ in f)
        own = os.times()
        self.cpu = ticks / os.sysconf("SC_CLK_TCK") + own.user + own.system + own.children_user + own.children_system - self.before
        kb = {k: int(status[k].split()[0]) << 10 for k in ("RssAnon", "RssShmem", "VmRSS")}
        return {"anon": kb["RssAnon"] + kb["RssShmem"], "rss": kb["VmRSS"], "fds": len(os.listdir(at + "/fd")),
                "threads": int(status["Threads"]), "maps": maps}

    def watch(self):
        every = min(60.0, SECONDS / 20)
        self.say(f"{'seconds':>8} {'own MB':>7} {'RSS MB':>7} {'files':>6} {'threads':>7} {'maps':>5} {'looks':>9} "
                 f"{'GB read':>8} {'EIO':>7} {'changes':>8} {'CPU':>5}")
        samples, told = [], 0.0
        end = self.start + SECONDS
        while time.monotonic() < end and self.daemon.poll() is None and len(self.wrong) < 20:
            time.sleep(min(1.0, max(0.05, end - time.monotonic())))
            try:
                now = self.sample()
            except (OSError, KeyError):
                break
            now["t"] = time.monotonic() - self.start
            samples.append(now)
            for what, most in MOST.items():
                if now[what] > most:
                    self.fault(f"{what}: {now[what]}, more than {most}")
            if now["t"] >= told + every or not told:
                told = now["t"]
                self.tell(now)
        return samples

    def tell(self, now):
        changes = sum(self.count[k] for k in ("replaced", "truncated", "removed", "emptied", "added"))
        self.say(f"{now['t']:8.0f} {now['anon'] / 1e6:7.1f} {now['rss'] / 1e6:7.1f} {now['fds']:6} {now['threads']:7} "
                 f"{now['maps']:5} {self.count['looks']:9} {self.count['bytes'] / 1e9:8.2f} {self.count['EIO']:7} {changes:8} "
                 f"{self.cpu / now['t']:5.2f}")

    def grown(self, samples):
        """The last quarter beside the second: the first still fills caches."""
        n = len(samples) // 4
        if SECONDS < 1200:  # caches fill for so long
            return self.say("too short to tell whether anything grows: 1200 seconds are the least")
        for what, slack in GROWTH.items():
            early, late = ([s[what] for s in part] for part in (samples[n:2 * n], samples[-n:]))
            self.say(f"{what}: {statistics.median(early):.0f} in the second quarter, {statistics.median(late):.0f} in the last, "
                     f"at most {max(s[what] for s in samples)}")
            if statistics.median(late) > statistics.median(early) + slack:
                self.fault(f"{what} grows")

    def end(self):
        """Readers gone: nothing of theirs may be left, and it unmounts."""
        time.sleep(2)
        if self.daemon.poll() is None:
            last = self.sample()
            self.say(f"at rest: {last['anon'] / 1e6:.1f} MB of its own, {last['fds']} files, {last['threads']} threads")
            subprocess.run([os.path.abspath(os.environ["ARRAYFS"]), "-u", self.mnt])
        try:
            code = self.daemon.wait(20)
        except subprocess.TimeoutExpired:
            code = "still there"
            self.daemon.kill()
        if code != 0:
            self.fault(f"the daemon ended with {code}")
        with open(self.log.name, errors="replace") as f:
            for line in f:
                if not line.startswith("arrayfs: ") or "Sanitizer" in line:
                    self.fault(f"the log has {line.strip()!r}")

    def run(self):
        self.make()
        for name in writers.MISSING:
            self.say(f"left out, as the library is not there: {name}")
        self.log = open(os.path.join(self.dir, "log"), "wb")
        self.daemon = subprocess.Popen([os.path.abspath(os.environ["ARRAYFS"]), "-f", "-o", f"cache={CACHE}", self.source, self.mnt],
                                       stdin=subprocess.DEVNULL, stderr=self.log)
        while not os.path.ismount(self.mnt):
            if self.daemon.poll() is not None:
                raise SystemExit(f"not mounted: {open(self.log.name).read()}")
            time.sleep(0.01)
        own = os.times()
        self.before = own.user + own.system + own.children_user + own.children_system
        self.start = time.monotonic()
        threads = [threading.Thread(target=self.changer)] + \
            [threading.Thread(target=self.reader, args=(k,)) for k in range(READERS)]
        for t in threads:
            t.start()
        samples = self.watch()
        self.stop.set()
        for t in threads:
            t.join(30)
        self.grown(samples)
        self.end()
        shown = ", ".join(f"{v} {k}" for k, v in sorted(self.count.items()) if k not in ("looks", "bytes"))
        self.say(f"{self.count['looks']} looks, {self.count['bytes'] / 1e9:.2f} GB checked; {shown}")
        self.say(f"{len(self.wrong)} wrong" if self.wrong else "nothing wrong")
        if not os.path.ismount(self.mnt):
            shutil.rmtree(self.dir, ignore_errors=True)
        return bool(self.wrong)


if __name__ == "__main__":
    soak = Soak()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        code = soak.run()
    finally:
        soak.stop.set()
        if soak.daemon and soak.daemon.poll() is None:
            soak.daemon.terminate()
    sys.exit(code)
