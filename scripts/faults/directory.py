# SPDX-License-Identifier: MIT
"""What scripts/fuzz --directory does: N mutated archives of all formats in one mounted
folder, and everything that can be looked at in there is looked at."""
import concurrent.futures
import errno
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import mutate

EXE, N, SEED = os.path.abspath(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
FAULTS = {errno.EIO, errno.ENODATA, errno.ERANGE, errno.E2BIG, errno.ENOENT, errno.ENOTDIR, errno.EOPNOTSUPP}
PATIENCE = 60  # seconds for one read, of a sanitizer's build that shares its machine
MOST_FILES, MOST_BYTES = 400, 4 << 20  # of one archive, of one file from each end
count = {"archives": 0, "shown": 0, "files": 0, "refused": 0, "bytes": 0}
wrong, slow, lock = [], [0.0, ""], threading.Lock()


def fill(folder):
    rng = random.Random(SEED)
    formats = list(mutate.ENDS)
    seeds = {f: mutate.seeds(f) for f in formats}
    for f in ("safetensors_index", "hdf5"):  # what some need beside them
        for path in (mutate.DATA / f).iterdir():
            if path.is_dir() and path.name != "bad":
                shutil.copytree(path, folder / path.name)
            elif path.name.endswith(".safetensors"):
                shutil.copy(path, folder)
    for k in range(N):
        fmt = formats[k % len(formats)]
        data = mutate.mutate(rng, rng.choice(seeds[fmt]), seeds[fmt], fmt)
        (folder / f"{k:05}{'-model.safetensors' if fmt == 'safetensors_index' else ''}{mutate.ENDS[fmt]}").write_bytes(data)


def tried(path, function, *args):
    start = time.monotonic()
    try:
        got = function(*args)
    except OSError as e:
        got = None
        with lock:
            count["refused"] += 1
            if e.errno not in FAULTS:
                wrong.append(f"{path}: {function.__name__}: {e}")
    took = time.monotonic() - start
    with lock:
        if took > slow[0]:
            slow[:] = [took, str(path)]
        if took > PATIENCE:
            wrong.append(f"{path}: {function.__name__} took {took:.0f} seconds")
    return got


def read_ends(path):
    with open(path, "rb", buffering=0) as f:
        size, n = os.fstat(f.fileno()).st_size, 0
        while n < MOST_BYTES and (b := f.read(1 << 20)):
            n += len(b)
        if size > n:
            f.seek(max(n, size - MOST_BYTES))
            while b := f.read(1 << 20):
                n += len(b)
        for at in (size // 3, size // 2, size - 1):  # and here and there
            if at > 0:
                os.pread(f.fileno(), 100, at)
        return n


def ask_attributes(path):
    for name in os.listxattr(path, follow_symlinks=False):
        os.getxattr(path, name, follow_symlinks=False)


def look(top, name):
    left = [MOST_FILES]
    shown = os.path.isdir(top / name)
    with lock:
        count["archives"] += 1
        count["shown"] += shown
    for folder, dirs, files in os.walk(top / name, onerror=lambda e: tried(name, fail, e)):
        inside = os.path.relpath(folder, top)
        tried(folder, ask_attributes, folder)
        tried(folder, read_ends, top / ".arrayfs/json" / (inside + ".json"))
        for file in files:
            left[0] -= 1
            if left[0] < 0:
                return
            path = os.path.join(folder, file)
            tried(path, ask_attributes, path)
            if os.path.islink(path):
                continue
            n = 0
            for p in (path, *(top / ".arrayfs" / view / inside / (file + end)
                              for view, end in (("json", ".json"), ("text", ".txt"), ("npy", ".npy")))):
                n += tried(p, read_ends, p) or 0
            with lock:
                count["files"] += 1
                count["bytes"] += n
    if not shown:
        tried(name, read_ends, top / name)


def fail(e):
    raise e


def main():
    top = pathlib.Path(tempfile.mkdtemp(prefix="arrayfs-fuzz-"))
    source, mnt, log = top / "source", top / "mnt", top / "log"
    source.mkdir()
    mnt.mkdir()
    fill(source)
    env = dict(os.environ, ASAN_OPTIONS="detect_leaks=0", UBSAN_OPTIONS="print_stacktrace=1")
    with open(log, "wb") as err:
        daemon = subprocess.Popen([EXE, "-f", str(source), str(mnt)], stdin=subprocess.DEVNULL, stderr=err, env=env)
    while not os.path.ismount(mnt):
        if daemon.poll() is not None:
            sys.exit(f"not mounted: {log.read_text(errors='replace')}")
        time.sleep(0.01)
    names = sorted(p.name for p in source.iterdir() if p.name[0].isdigit())
    start = time.monotonic()
    try:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for name, done in [(n, pool.submit(look, mnt, n)) for n in names]:
                if e := done.exception():
                    wrong.append(f"{name}: {type(e).__name__}: {e}")
    finally:
        if daemon.poll() is None:
            daemon.send_signal(signal.SIGTERM)
        code = daemon.wait(60)
    if code:
        wrong.append(f"the daemon ended with {code}")
    wrong.extend(line for line in log.read_text(errors="replace").splitlines()
                 if not line.startswith("arrayfs: ") or "Sanitizer" in line)
    for line in wrong[:60]:
        print(line)
    print(f"{count['archives']} archives, {count['shown']} of them shown, {count['files']} files and their views, "
          f"{count['bytes'] >> 20} MB read, {count['refused']} refusals, {time.monotonic() - start:.0f} seconds; "
          f"the slowest took {slow[0]:.1f} s ({slow[1].removeprefix(str(mnt))}); {len(wrong)} wrong")
    if wrong:
        print(f"seed {SEED}; the archives and the log lie in {top}")
    else:
        shutil.rmtree(top)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
