# SPDX-License-Identifier: MIT
"""Columns of Arrow IPC files and streams."""
import os

from measure import ARRAYFS, OUT, PYTHON, Mount, best_peer, cat_to_file, compare, forget, make, read_through, resident, run, say, tell, timed

ROWS = 20_000_000
COLUMNS = ["int64", "double", "nulls_double", "string"]
# writer and codec: how many rows a batch has
BATCHES = {"pyarrow": {"uncompressed": 1 << 20, "lz4": 1 << 16, "zstd": 1 << 18}, "polars": {"uncompressed": 1 << 18, "lz4": 1 << 18, "zstd": 1 << 18}}


def column(name, codec, writer="pyarrow"):
    """One column of 20 million rows, c."""
    return make(f"{writer}-{name}-{codec}.arrow", f"""
import sys, numpy as np, pyarrow as pa
rng, n, rows = np.random.default_rng(1), {ROWS}, {BATCHES[writer][codec]}
name, codec = {name!r}, {codec!r}
if name == "int64": a = pa.array(rng.integers(0, 1 << 40, n))
elif name == "string": a = pa.concat_arrays([pa.array(np.char.add("customer-", rng.integers(0, 1 << 30, n // 20).astype("U10")).tolist()) for _ in range(20)])
else: a = pa.array(np.round(rng.standard_normal(n), 3), mask=rng.random(n) < .1 if name == "nulls_double" else None)
t = pa.table({{"c": a}})
if {writer!r} == "polars":
    import polars as pl
    pl.from_arrow(t).write_ipc(sys.argv[1], compression=codec, record_batch_size=rows)
else:
    with pa.ipc.new_file(sys.argv[1], t.schema, options=pa.ipc.IpcWriteOptions(compression=None if codec == "uncompressed" else codec)) as w:
        w.write_table(t, max_chunksize=rows)""")


# Each writes the values of column c to a file: of the same bytes for numbers, of
# all strings one after another for strings.
PEERS = {
    "pyarrow": """
import sys, struct, pyarrow as pa
f = pa.ipc.open_file(pa.memory_map(sys.argv[1]))
def text(c, width):
    ends = c.buffers()[1]
    return memoryview(c.buffers()[2])[struct.unpack_from(width, ends)[0]:struct.unpack_from(width, ends, len(c) * struct.calcsize(width))[0]]
with open(sys.argv[2], "r+b") as out:
    for k in range(f.num_record_batches):
        c = f.get_batch(k).column(0)
        if pa.types.is_string(c.type): out.write(text(c, "i"))
        elif pa.types.is_string_view(c.type): out.write(text(c.cast("large_string"), "q"))
        else: out.write(c.fill_null(0).to_numpy(zero_copy_only=False).data)""",
    "polars": """
import sys, polars as pl
s = pl.read_ipc(sys.argv[1], columns=["c"])["c"]
with open(sys.argv[2], "r+b") as out:
    if s.dtype == pl.String:
        a = s.to_arrow().cast("large_string")
        for c in a.chunks if hasattr(a, "chunks") else [a]: out.write(c.buffers()[2])
    else: out.write(s.fill_null(0).to_numpy().data)""",
}


def case_arrow(runs):
    """An uncompressed column of 20 million rows to a file, against dd of as many bytes"""
    for writer in BATCHES:
        for name in ("int64", "nulls_double"):
            path = column(name, "uncompressed", writer)
            dd = ("dd", f"if={path}", f"of={OUT}", "bs=1M", f"count={ROWS * 8}", "iflag=count_bytes", "conv=notrunc", "status=none")
            tell(f"arrow {name}, {writer}", f"arrayfs --cat {path.name} c", f"dd of {ROWS * 8} bytes",
                 compare(runs, lambda: timed(lambda: cat_to_file(path, "c")), lambda: timed(lambda: run(*dd))),
                 "0.6" if name.startswith("nulls") else "0.9")


def case_arrow_codecs(runs):
    """A compressed column of 20 million rows to a file, against the best of pyarrow and polars"""
    for writer in BATCHES:
        for codec in ("lz4", "zstd"):
            for name in COLUMNS:
                path = column(name, codec, writer)
                peer, theirs = best_peer(PEERS, path)
                shown = "c/values" if name == "string" else "c"
                tell(f"arrow {name}, {codec}, {writer}", f"arrayfs --cat {path.name} {shown}", peer,
                     compare(runs, lambda: timed(lambda: cat_to_file(path, shown)), theirs), "1.8" if name == "string" else "2.2")


def many_batches(stream):
    """100,000 batches of 20 rows and four columns."""
    return make(f"batches.arrow{'s' if stream else ''}", f"""
import sys, pyarrow as pa
b = pa.record_batch({{"i": pa.array(range(20)), "n": pa.array([None if i % 3 else i for i in range(20)], pa.int32()),
                     "s": pa.array([f"word {{i}}" for i in range(20)]), "l": pa.array([[i] * (i % 3) for i in range(20)])}})
with (pa.ipc.new_stream if {stream} else pa.ipc.new_file)(sys.argv[1], b.schema) as w:
    for _ in range(100_000): w.write_batch(b)""")


def case_arrow_batches(runs):
    """Opening 100,000 batches, against pyarrow's count of their rows"""
    for stream in (False, True):
        path = many_batches(stream)
        code = "import sys, pyarrow as pa; f = pa.memory_map(sys.argv[1]); " + (
            "print(sum(b.num_rows for b in pa.ipc.open_stream(f)))" if stream else
            "r = pa.ipc.open_file(f); print(sum(r.get_batch(k).num_rows for k in range(r.num_record_batches)))")
        tell(f"arrow {'stream' if stream else 'file'} of 100,000 batches", f"arrayfs --list {path.name}", "python: pyarrow, rows of all batches",
             compare(runs, lambda: timed(lambda: run(ARRAYFS, "--list", path)), lambda: timed(lambda: run(PYTHON, "-c", code, path))), "5")
        with Mount(ARRAYFS, "-f", path) as m:
            run("cat", m.point / "i", m.point / "s/values")
            say(f"  mounted, two columns read: {resident(m.daemon.pid) >> 20} MiB")


def case_arrow_slice(runs):
    """One per cent from the middle of a column, against pyarrow's batches"""
    for codec in ("uncompressed", "lz4", "zstd"):
        for name in ("int64", "nulls_double"):
            path = column(name, codec)
            first, count = ROWS // 2, ROWS // 100

            def mount_and_read():
                with Mount(ARRAYFS, "-f", path) as m:
                    read_through(m.point / "c", first * 8, count * 8)
            code = f"""
import sys, pyarrow as pa
f, rows = pa.ipc.open_file(pa.memory_map(sys.argv[1])), {BATCHES["pyarrow"][codec]}
k = {first} // rows
t = pa.table(pa.Table.from_batches([f.get_batch(i) for i in range(k, ({first + count} - 1) // rows + 1)]))
sys.stdout.buffer.write(t["c"].slice({first} - k * rows, {count}).fill_null(0).to_numpy().data)"""
            tell(f"arrow 1 % of {name}, {codec}", "mount, read, unmount", "python: pyarrow, its batches",
                 compare(runs, lambda: timed(mount_and_read), lambda: timed(lambda: run(PYTHON, "-c", code, path))), "20")


def case_arrow_stream(runs):
    """Opening a stream of 10 GiB, of which only the heads of its messages are read"""
    path = make("long.arrows", """
import sys, struct, pyarrow as pa, numpy as np
b = pa.record_batch({"x": np.zeros(1 << 23)})
out = pa.BufferOutputStream()
with pa.ipc.new_stream(out, b.schema) as w: w.write_batch(b)
data = out.getvalue().to_pybytes()
head = len(data) - 8 - (8 << 23)            # schema and the batch's metadata
schema = 8 + struct.unpack_from("<i", data, 4)[0]
with open(sys.argv[1], "wb") as f:          # bodies of zeros are holes
    f.write(data[:schema])
    for _ in range(160):
        f.write(data[schema:head])
        f.seek(8 << 23, 1)
    f.write(data[-8:])""")

    def cold():
        forget(path)
        return timed(lambda: run(ARRAYFS, "--list", path))
    code = "import sys, pyarrow as pa; print(sum(b.num_rows for b in pa.ipc.open_stream(pa.memory_map(sys.argv[1]))))"

    def theirs():
        forget(path)
        return timed(lambda: run(PYTHON, "-c", code, path))
    tell(f"arrow stream of {os.path.getsize(path) >> 30} GiB", f"arrayfs --list {path.name}", "python: pyarrow, rows of all batches", compare(runs, cold, theirs), "5")
