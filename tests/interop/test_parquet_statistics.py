#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What --list --json tells of the row groups of Parquet files, compared with what
pyarrow says of them, and with their values.
"""
import decimal
import json
import math
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import LIBRARIES, WORK, Skip, arrayfs, check, done, folder, need, others  # noqa: E402

pa, pq, np = need("pyarrow", "pyarrow.parquet", "numpy")
import parquet  # noqa: E402


def listed(source, *args):
    """Numbers with a point keep all their digits."""
    lines = arrayfs("--list", "--json", source, *args).stdout.splitlines()
    return {o["path"]: o for o in (json.loads(line, parse_float=decimal.Decimal) for line in lines)}


def as_told(v, column):
    """A value of pyarrow's as the listing tells it."""
    kind = column.logical_type.type
    if isinstance(v, bool) or v is None:
        return v
    if kind == "FLOAT16":
        return np.frombuffer(v, np.float16)[0] if isinstance(v, bytes) else np.float16(v)
    if isinstance(v, float):
        return np.float32(v) if column.physical_type == "FLOAT" else v
    if isinstance(v, bytes):
        return v.decode() if kind in ("STRING", "JSON", "ENUM") else v.hex()
    return v


def bounds_of(s, column):
    """Python's dates cannot hold all of them; as integers, pyarrow tells them all."""
    raw = column.logical_type.type in ("DATE", "TIME", "TIMESTAMP")
    return (s.min_raw, s.max_raw) if raw else (s.min, s.max)


def same(told, v):
    if isinstance(v, float) or isinstance(v, np.floating):
        return isinstance(told, decimal.Decimal) and np.dtype(type(v)).type(str(told)) == v
    if isinstance(v, decimal.Decimal):
        return decimal.Decimal(told) == v
    return told == v


def nodes_of(tree, path):
    """The node that tells the values of a leaf: pyarrow's path has the names in between."""
    parts = [p for p in path.split(".")]
    for p in ("/".join(parts), "/".join(parts) + "/values"):
        if p in tree:
            return tree[p]
    return None


def compare(path):
    """How many bounds were compared."""
    meta, tree, count = pq.ParquetFile(path).metadata, listed(path), 0
    for k in range(meta.num_columns):
        column = meta.schema.column(k)
        node = nodes_of(tree, column.path)
        if node is None or "row_groups" not in node:
            continue
        row = 0
        for g in range(meta.num_row_groups):
            told, chunk = node["row_groups"][g], meta.row_group(g).column(k)
            where = f"{os.path.basename(path)}: {column.path}, row group {g}"
            assert told["rows"] == [row, row + meta.row_group(g).num_rows], (where, told)
            row = told["rows"][1]
            assert told["compressed_size"] == chunk.total_compressed_size, where
            assert told["size"] == chunk.total_uncompressed_size, where
            assert told["encodings"] == list(chunk.encodings), (where, told["encodings"], chunk.encodings)
            s = chunk.statistics
            if s is None:
                assert "min" not in told and "max" not in told, where
                continue
            assert told.get("null_count") == (s.null_count if s.has_null_count else None), where
            assert told.get("distinct_count") == (s.distinct_count if s.has_distinct_count else None), where
            if column.physical_type == "INT96" or column.logical_type.type in ("INTERVAL", "UNKNOWN"):
                assert "min" not in told, where
            elif s.has_min_max and "min" in told:
                for name, v in zip(("min", "max"), bounds_of(s, column)):
                    assert same(told[name], as_told(v, column)), (where, name, told[name], v)
                count += 1
            elif s.has_min_max:
                assert column.physical_type == "FIXED_LEN_BYTE_ARRAY" or "BYTE" in column.physical_type or \
                    "FLOAT" in str(column.logical_type) or column.converted_type_name.startswith("UINT") or \
                    "parquet-mr" in str(meta.created_by), (where, s.min, s.max, told)
    return count


with check("bounds_and_counts_are_as_pyarrow_reads_them"):
    with folder() as f:
        assert sum(compare(p) for p in parquet.make(str(f))) > 500 * min(WORK, 1)

with check("other_writers_bounds_are_as_pyarrow_reads_them"):
    with folder() as f:
        found = parquet.others(str(f))
        if not found:
            raise Skip(LIBRARIES)
        assert sum(compare(p) for p in found) > 10

with check("published_files_bounds_are_as_pyarrow_reads_them"):
    for p in (p for p in others("**/*") if p.endswith((".parquet", ".parq", ".pq"))):
        try:
            pq.ParquetFile(p)
        except Exception:
            continue
        if arrayfs("--list", p, code=None).returncode == 0:
            compare(p)

with check("bounds_hold_for_the_bytes_that_they_are_told_of"):
    with folder() as f:
        rng = np.random.default_rng(1)
        x, y = np.cumsum(rng.integers(-5, 7, 30000)), rng.normal(size=30000).astype(np.float32)
        words = [f"w{i:06d}" for i in range(30000)]
        table = pa.table({"x": x, "y": y, "s": words, "n": pa.array(x, mask=x % 5 == 0)})
        path = str(f / "t.parquet")
        pq.write_table(table, path, row_group_size=7000, data_page_size=4096, write_page_index=True, write_batch_size=500,
                       use_dictionary=False)
        tree = listed(path)
        for name, values in (("x", x), ("y", y), ("n", np.where(x % 5 == 0, 0, x))):
            data = arrayfs("--cat", path, name).stdout
            assert data == values.tobytes()
            ranges = [r for g in tree[name]["row_groups"] for r in [g, *g["pages"]]]
            assert len(ranges) > 20
            for r in ranges:
                begin, end = r["rows"]
                part = np.frombuffer(data[slice(*r["bytes"])], values.dtype)
                assert (part == values[begin:end]).all()
                if name == "n":
                    part = part[part != 0]
                    assert r["null_count"] == (x[begin:end] % 5 == 0).sum(), (name, r)
                assert float(r["min"]) == part.min() and float(r["max"]) == part.max(), (name, r, part.min(), part.max())
        data = arrayfs("--cat", path, "s/values").stdout
        offsets = arrayfs("--cat", path, "s/offsets").stdout
        for g, o in zip(tree["s/values"]["row_groups"], tree["s/offsets"]["row_groups"]):
            begin, end = g["rows"]
            assert data[slice(*g["bytes"])].decode() == "".join(words[begin:end])
            at = np.frombuffer(offsets[slice(*o["bytes"])], np.int64)
            assert len(at) == end - begin + 1 and [at[0], at[-1]] == g["bytes"]
            assert (g["min"], g["max"]) == (words[begin], words[end - 1])
            for page in g["pages"]:
                assert (page["min"], page["max"]) == (words[page["rows"][0]], words[page["rows"][1] - 1])

with check("nan_and_zero_make_no_bound_too_tight"):
    with folder() as f:
        path = str(f / "t.parquet")
        pq.write_table(pa.table({"nan": [math.nan] * 3, "some": [1.5, math.nan, -2.0], "zero": [0.0, -0.0, 0.0]}), path)
        tree = listed(path)
        assert "min" not in tree["nan"]["row_groups"][0], tree["nan"]
        assert [str(tree["some"]["row_groups"][0][k]) for k in ("min", "max")] == ["-2.0", "1.5"]
        assert [str(tree["zero"]["row_groups"][0][k]) for k in ("min", "max")] == ["-0.0", "0.0"]

done()
