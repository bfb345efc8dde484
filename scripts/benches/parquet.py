# SPDX-License-Identifier: MIT
"""Columns of Parquet files and datasets."""
import os
import subprocess

from measure import (ARRAYFS, OUT, PYTHON, Mount, best_peer, cat_to_file, compare, make, read_through, resident, run, say, tell, timed)

ROWS = 20_000_000
# column: how it is written, and the type that a peer writes as the same bytes
COLUMNS = {
    "int64": "compression='zstd', use_dictionary=False",
    "double": "compression='zstd', use_dictionary=False",
    "dict_int32": "compression='zstd', use_dictionary=True",
    "nulls_float": "compression='zstd', use_dictionary=False",
    "snappy_double": "compression='snappy', use_dictionary=False",
    "plain_double": "compression='none', use_dictionary=False",
    "delta_int64": "compression='zstd', use_dictionary=False, column_encoding='DELTA_BINARY_PACKED'",
    "split_double": "compression='zstd', use_dictionary=False, column_encoding='BYTE_STREAM_SPLIT'",
    "string": "compression='zstd', use_dictionary=False",
    "dict_string": "compression='snappy', use_dictionary=True",
}


def column(name):
    """One column of 20 million rows in row groups of 2^20, with page indexes."""
    return make(f"{name}.parquet", f"""
import sys, numpy as np, pyarrow as pa, pyarrow.parquet as pq
rng, n = np.random.default_rng(1), {ROWS}
name = {name!r}
if name == "int64": a = pa.array(rng.integers(0, 1 << 40, n))
elif name == "delta_int64": a = pa.array(np.cumsum(rng.integers(0, 1000, n)))
elif name == "dict_int32": a = pa.array(rng.integers(0, 1000, n).astype(np.int32))
elif name == "nulls_float": a = pa.array(rng.standard_normal(n).astype(np.float32), mask=rng.random(n) < 0.1)
elif name == "string": a = pa.array(np.char.add("customer-", rng.integers(0, 1 << 30, n).astype("U10")).tolist())
elif name == "dict_string": a = pa.array([f"city of {{i}}" for i in range(500)]).take(pa.array(rng.integers(0, 500, n)))
else: a = pa.array(np.round(rng.standard_normal(n), 3))
pq.write_table(pa.table({{"c": a}}), sys.argv[1], row_group_size=1 << 20, write_page_index=True, {COLUMNS[name]})""")


# Each writes the values of column c to a file: of the same bytes for numbers, of
# all strings one after another for strings.
PEERS = {
    "pyarrow": """
import sys, pyarrow as pa, pyarrow.parquet as pq
t = pq.read_table(sys.argv[1], columns=["c"])["c"]
with open(sys.argv[2], "r+b") as f:
    for c in t.chunks:
        if pa.types.is_string(c.type) or pa.types.is_large_string(c.type): f.write(c.buffers()[2])
        else: f.write(c.fill_null(0).to_numpy(zero_copy_only=False).data)""",
    "duckdb": """
import sys, duckdb
t = duckdb.sql(f"select c from '{sys.argv[1]}'").arrow().read_all()["c"]
with open(sys.argv[2], "r+b") as f:
    for c in t.chunks:
        if str(c.type) in ("string", "large_string"): f.write(c.buffers()[2])
        else: f.write(c.fill_null(0).to_numpy(zero_copy_only=False).data)""",
    "polars": """
import sys, polars as pl
s = pl.read_parquet(sys.argv[1], columns=["c"])["c"]
with open(sys.argv[2], "r+b") as f:
    if s.dtype == pl.String:
        for c in s.to_arrow().cast("large_string").chunks if hasattr(s.to_arrow(), "chunks") else [s.to_arrow().cast("large_string")]: f.write(c.buffers()[2])
    else: f.write(s.fill_null(0).to_numpy().data)""",
}


def case_parquet(runs):
    """One column of 20 million rows to a file, against the best of pyarrow, DuckDB and polars"""
    for name in COLUMNS:
        path = column(name)
        peer, theirs = best_peer(PEERS, path)
        shown = "c/values" if "string" in name else "c"
        tell(f"parquet {name}, {peer}", f"arrayfs --cat {path.name} {shown}", peer,
             compare(runs, lambda: timed(lambda: cat_to_file(path, shown)), theirs), "1.5")


def case_parquet_slice(runs):
    """One per cent from the middle of a column, against pyarrow's row groups"""
    for name in ("int64", "double"):
        path = column(name)
        first, count = ROWS // 2, ROWS // 100

        def mount_and_read():
            with Mount(ARRAYFS, "-f", path) as m:
                read_through(m.point / "c", first * 8, count * 8)
        code = f"""
import sys, pyarrow.parquet as pq
f = pq.ParquetFile(sys.argv[1])
g = {first} >> 20
sys.stdout.buffer.write(f.read_row_group(g, columns=["c"])["c"].slice({first} - (g << 20), {count}).to_numpy().data)"""
        tell(f"parquet 1 % of {name}", "mount, read, unmount", "python: pyarrow, one row group",
             compare(runs, lambda: timed(mount_and_read), lambda: timed(lambda: run(PYTHON, "-c", code, path))), "20")


def case_parquet_mount(runs):
    """A column through the mount against --cat"""
    for name in ("int64", "double"):
        path = column(name)

        def through():  # into the same pages as the other: cp would free those of the file first, and ask for new ones
            with Mount(ARRAYFS, "-f", path) as m, open(OUT, "r+b") as out:
                return timed(lambda: subprocess.run(["cat", m.point / "c"], stdout=out, check=True))
        tell(f"parquet {name} through a mount", "cat from the mount", "arrayfs --cat",
             compare(runs, through, lambda: timed(lambda: cat_to_file(path, "c"))), "0.85")


def case_parquet_wide(runs):
    """Listing 10,000 columns x 100 row groups, against pyarrow.parquet.read_schema"""
    path = make("wide.parquet", """
import sys, numpy as np, pyarrow as pa, pyarrow.parquet as pq
t = pa.table({f"column_{i}": np.arange(200, dtype=np.int32) + i for i in range(10_000)})
pq.write_table(t, sys.argv[1], row_group_size=2, compression="none", use_dictionary=False)""")
    code = "import sys, pyarrow.parquet as pq; print(len(pq.read_schema(sys.argv[1])))"
    tell("parquet, list 10,000 columns", f"arrayfs --list {path.name}", "python: read_schema",
         compare(runs, lambda: timed(lambda: run(ARRAYFS, "--list", path)), lambda: timed(lambda: run(PYTHON, "-c", code, path))), "10")


def many_files():
    """10,000 files of 20 columns and 20 rows in 100 partitions."""
    code = """
import io, os, sys, pyarrow as pa, pyarrow.parquet as pq
t = pa.table({f"c{i}": range(20) for i in range(18)} | {"s": [f"row{i}" for i in range(20)], "l": [[i] for i in range(20)]})
b = io.BytesIO()
pq.write_table(t, b)
for k in range(10_000):
    d = f"{os.path.dirname(sys.argv[1])}/dataset/day={k // 100}"
    os.makedirs(d, exist_ok=True)
    open(f"{d}/{k % 100}.parquet", "wb").write(b.getvalue())
open(sys.argv[1], "w").write("made")"""
    return make("dataset.made", code).parent / "dataset"


def case_dataset(runs):
    """10,000 Parquet files as one table: listing, one column, descriptors and memory"""
    path = many_files()
    code = """
import sys, pyarrow.dataset as d
x = d.dataset(sys.argv[1], format="parquet", partitioning="hive")
x.schema, x.count_rows()"""
    tell("dataset of 10,000 files, list", "arrayfs -o dataset --list", "pyarrow: dataset, schema and count_rows()",
         compare(runs, lambda: timed(lambda: run(ARRAYFS, "-o", "dataset", "--list", path)),
                 lambda: timed(lambda: run(PYTHON, "-c", code, path))), "1")
    column = code.replace("x.schema, x.count_rows()", """
open(sys.argv[2], "r+b").write(x.to_table(columns=["c3"])["c3"].to_numpy().tobytes())""")
    tell("dataset of 10,000 files, one column", "arrayfs -o dataset --cat", "pyarrow: to_table of the column, to a file",
         compare(runs, lambda: timed(lambda: cat_to_file("-o", "dataset", path, "c3")),
                 lambda: timed(lambda: run(PYTHON, "-c", column, path, OUT))), "1")
    with Mount(ARRAYFS, "-f", "-o", "dataset", path) as m:
        run("cat", m.point / "c3", m.point / "s/values")
        say(f"  mounted, two columns read: {len(os.listdir(f'/proc/{m.daemon.pid}/fd'))} descriptors, "
            f"{resident(m.daemon.pid) >> 20} MiB")
