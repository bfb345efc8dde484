# SPDX-License-Identifier: MIT
"""What scripts/differential does."""
import collections
import io
import json
import os
import pathlib
import pickle
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import mutate

HERE = pathlib.Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[2] / "tests" / "interop"))
EXE, FORMAT, SECONDS = os.path.abspath(os.environ["ARRAYFS"]), sys.argv[1], float(sys.argv[2])
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 30)
MOST_BYTES, MOST_MEMORY, PATIENCE = 16 << 20, 4 << 30, 10



# --- what differs and is meant to ------------------------------------------------------

def lost_list(path, want, got, archive):
    """Some of its row groups are EIO to us, so their offsets are."""
    return any(up + "/offsets" not in got for up in parents(path) if any(p.startswith(up + "/values") for p in got))


def other_footer(path, want, got, archive):
    """The reference reads what a list of the footer holds without a look at the type that the
    list names; we step over a list of another type, as thrift's own protocol does, and may
    then read other fields out of the rest."""
    import pyarrow.parquet as pq
    r = subprocess.run([EXE, "--list", "--json", str(archive)], capture_output=True, timeout=PATIENCE)
    rows = [json.loads(line)["row_groups"][-1]["rows"][1] for line in r.stdout.splitlines() if b'"row_groups":[{' in line]
    meta = pq.ParquetFile(archive).metadata
    return bool(rows) and max(rows) != sum(meta.row_group(g).num_rows for g in range(meta.num_row_groups))


def same_name(path, want, got, archive):
    """Two links of one name in one group: both are shown, one with a number; the library finds
    one of them, by a search of its own."""
    return any(re.search(r"~\d+(/|$)", p) for p in got)


def only_theirs_is_fill(path, want, got, archive):
    """The library looks at the key behind a B-tree's last child, too: if that is wrong it does
    not find a chunk that is there, and that it lists itself.  The fill values of the seeds are
    zeros, or netCDF's of a float.  The other way round it is a difference."""
    ours, fill = got[path], b"\0\0\xf0\x7c"
    return len(ours) == len(want) and (all(w == 0 for w, g in zip(want, ours) if w != g) or
                                       all(want[k:k + 4] in (fill, ours[k:k + 4]) for k in range(0, len(want), 4)))


def padded_reference(path, want, got, archive):
    """In memory the library makes 8 bytes of every reference.  In the file, which is what we show,
    it is as wide as the file's addresses: 2 or 4 bytes in files with such a superblock."""
    ours, width = got[path], 8 * len(got[path]) // max(len(want), 1)
    return width in (2, 4) and want == b"".join(ours[k:k + width].ljust(8, b"\0") for k in range(0, len(ours), width))


# (format, what it is, function of (path, their bytes, all of ours, the archive) that tells it)
KNOWN = [
    ("hdf5", "two links of one name", same_name),
    ("hdf5", "chunks that the library does not find", only_theirs_is_fill),
    ("hdf5", "references in files of short addresses", padded_reference),
    ("parquet", "below a list of which we cannot read a part", lost_list),
    ("parquet", "a list in the footer that names another type", other_footer),
]


def parents(path):
    parts = path.removesuffix(".validity").split("/")
    return ["/".join(parts[:k]) for k in range(1, len(parts))]


# --- the references: seeds, and {shown path: bytes} of what they can read -------------

def safetensors_seeds():
    import safetensors  # noqa: F401  (here, and not in every child anew)
    return mutate.seeds("safetensors")


def safetensors_read(path):
    import safetensors
    out = {}
    for name, tensor in safetensors.deserialize(path.read_bytes()):
        if re.fullmatch(r"[\w.+ -]+(/[\w.+ -]+)*", name, re.A) and not re.search(r"(^|/)\.+(/|$)", name):
            out[name] = bytes(tensor["data"])
    return out


def parquet_seeds():
    import parquet
    import pyarrow as pa
    import pyarrow.parquet as pq
    found = mutate.seeds("parquet")
    for k in range(120):
        rng = random.Random(k)
        flat, nested = parquet.columns(rng.choice([1, 20, 90]), rng.choice([0, .2]), rng)
        flat.update(nested)
        table = pa.table({name: flat[name] for name in rng.sample(sorted(flat), 4)})
        out = io.BytesIO()
        dictionary = rng.random() < .5
        pq.write_table(table, out, compression=rng.choice(["none", "none", "snappy", "zstd", "gzip", "lz4", "brotli"]),
                       data_page_version=rng.choice(["1.0", "2.0"]), use_dictionary=dictionary,
                       data_page_size=rng.choice([100, 1 << 20]), write_page_checksum=rng.random() < .2,
                       write_statistics=rng.random() < .5, store_schema=False, write_batch_size=16,
                       row_group_size=rng.choice([13, 1000]))
        found.append(out.getvalue())
    return found


def parquet_read(path):
    import parquet
    import pyarrow.parquet as pq

    def some(**how):
        table = pq.ParquetFile(path, page_checksum_verification=True).read(use_threads=False, **how)
        e = parquet.expect(table)
        return {**e.nulls, **e}
    try:
        return some()
    except Exception:
        out, names = {}, pq.ParquetFile(path).schema_arrow.names
        for name in names if len(set(names)) == len(names) else ():
            try:
                out.update(some(columns=[name]))
            except Exception:
                pass
        return out


def hdf5_seeds():
    import h5py
    import hdf5_library  # noqa: F401
    import numpy as np
    found = mutate.seeds("hdf5")
    for k in range(60):
        rng = np.random.default_rng(k)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "x")
            with h5py.File(path, "w", libver=["earliest", "v108", "latest"][k % 3]) as f:
                for i, dtype in enumerate(rng.choice(["<i1", "<u2", ">i4", "<i8", "<f4", ">f8", "S5"], 3)):
                    shape = [(7,), (20, 9), (3, 4, 5)][(k + i) % 3]
                    data = rng.integers(0, 99, shape).astype(dtype)
                    how = [{}, {"chunks": True}, {"chunks": True, "compression": "gzip", "shuffle": True},
                           {"chunks": True, "fletcher32": True}, {"chunks": True, "scaleoffset": 0}, {"chunks": True, "compression": "lzf"},
                           {"chunks": tuple(max(1, n // 2) for n in shape), "maxshape": (None,) * len(shape)}][(k + 2 * i) % 7]
                    if "scaleoffset" in how and np.dtype(dtype).kind not in "iu":
                        how = {}
                    f.create_dataset(f"g{i}/d", data=data, **how)
                f["s"] = ["one", "two", ""]
                f["c"] = np.zeros(4, [("a", "<i2"), ("b", "<f8", (2,))])
            found.append(pathlib.Path(path).read_bytes())
    return found


def hdf5_read(path):
    import h5py
    import hdf5_library
    out, twice = {}, set()
    with h5py.File(path, "r") as f:
        def visit(name, d):
            if isinstance(d, h5py.Dataset) and d.size is not None and d.nbytes <= MOST_BYTES:
                try:
                    for k, v in (hdf5_library.expected(d, hdf5_library.shown(name)) or {}).items():
                        if k in out or v is None:  # of two names that are shown alike, one gets a number
                            twice.add(k)
                        out[k] = v
                except Exception:
                    pass
        f.visititems(visit)
    return {k: v for k, v in out.items() if k not in twice}


# --- both sides --------------------------------------------------------------------

def limits():
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_BYTES, MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def theirs(read, path, answer):
    """In a process of its own; what it read, or the word for how it ended."""
    answer.unlink(missing_ok=True)
    pid = os.fork()
    if pid == 0:
        try:
            limits()
            signal.alarm(PATIENCE)
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 1)
            os.dup2(null, 2)
            answer.write_bytes(pickle.dumps(read(path)))
        except BaseException:
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status == 0:
        return pickle.loads(answer.read_bytes())
    return "refused" if status == 1 else "hangs" if status == -signal.SIGALRM else "crashed"


def ours(path, dest):
    shutil.rmtree(dest, ignore_errors=True)
    try:
        r = subprocess.run([EXE, "--extract", "-o", "threads=1", str(path), str(dest)], capture_output=True, timeout=4 * PATIENCE, preexec_fn=limits)
    except subprocess.TimeoutExpired:
        return "hangs"
    if r.returncode not in (0, 1) or b"Sanitizer" in r.stderr or b"runtime error" in r.stderr:
        return f"ended with {r.returncode}: {r.stderr[-400:]!r}"
    return {str(p.relative_to(dest)): p.read_bytes() for p in dest.rglob("*") if p.is_file()} if dest.is_dir() else "refused"


def differing(want, got, archive, count):
    """The first file that differs and should not."""
    for path, w in want.items():
        if path not in got:
            count["files that only the reference reads"] += not path.endswith(".validity")
        elif got[path] == w:
            count["files the same"] += 1
        elif reason := next((reason for fmt, reason, test in KNOWN if fmt == FORMAT and test(path, w, got, archive)), None):
            count[f"files known to differ: {reason}"] += 1
        else:
            at = next((i for i, (a, b) in enumerate(zip(got[path], w)) if a != b), min(len(got[path]), len(w)))
            return f"{path}: {len(got[path])} bytes, theirs {len(w)}; from {at} on {got[path][at:at + 16].hex()}, theirs {w[at:at + 16].hex()}"
    return None


def main():
    rng, count, differ = random.Random(SEED), collections.Counter(), 0
    seeds, read = globals()[FORMAT + "_seeds"](), globals()[FORMAT + "_read"]
    end = time.monotonic() + SECONDS
    with tempfile.TemporaryDirectory(prefix="arrayfs-differential-") as top:
        top = pathlib.Path(top)
        path = top / ("x" + mutate.ENDS[FORMAT])
        while time.monotonic() < end:
            data = mutate.mutate(rng, rng.choice(seeds), seeds, FORMAT)
            path.write_bytes(data)
            count["files mutated"] += 1
            got, want = ours(path, top / "out"), None
            if isinstance(got, str) and got != "refused":
                fault = got
            else:
                want = theirs(read, path, top / "answer")
                count[f"archives: we {got if isinstance(got, str) else 'read'}, they {want if isinstance(want, str) else 'read'}"] += 1
                fault = differing(want, got, path, count) if isinstance(got, dict) and isinstance(want, dict) else None
            if fault:
                differ += 1
                keep = f"differential-{FORMAT}-{differ}{mutate.ENDS[FORMAT]}"
                pathlib.Path(keep).write_bytes(data)
                print(f"{keep}: {fault}", flush=True)
    for what, n in sorted(count.items()):
        print(f"{n:8} {what}")
    print(f"{differ} differ; seed {SEED}")
    return bool(differ)


if __name__ == "__main__":
    sys.exit(main())
