#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Parquet, compared with pyarrow: every shown file of some hundred files made
here by pyarrow, DuckDB, polars and fastparquet, and of files that others wrote.
"""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import ARRAYFS, LIBRARIES, WORK, Skip, arrayfs, check, done, folder, need, others, sampled  # noqa: E402

need("pyarrow", "numpy")
import parquet  # noqa: E402



def compare_all(paths):
    """How many were compared; the first that differ are told."""
    count, told = 0, []
    for path in paths:
        try:
            table = parquet.pq.read_table(path)
        except Exception:
            table = parquet.by_duckdb(path) if "duckdb-" in path else None
        if table is None:
            continue
        count += 1
        told += [f"{os.path.basename(path)}: {fault}" for fault in parquet.compare(ARRAYFS, path, table)[:2]]
    assert not told, "\n".join(told[:20])
    return count


with check("files_by_pyarrow_are_shown_as_it_reads_them"):
    with folder() as f:
        assert compare_all(parquet.make(str(f))) > 80 * min(WORK, 1)

with check("files_by_other_writers_are_shown_as_pyarrow_reads_them"):
    with folder() as f:
        if compare_all(parquet.others(str(f))) == 0:
            raise Skip(LIBRARIES)

with check("files_that_others_published_are_shown_as_pyarrow_reads_them"):
    found = [p for p in others("**/*") if p.endswith((".parquet", ".parq", ".pq"))]
    assert not found or compare_all(found) > 100



def cat(path, column):
    p = arrayfs("--cat", path, column, code=None)
    return p.stdout if p.returncode == 0 else None


def offset_indexes(path):
    """Where in the file they lie: right before the footer, behind the column indexes."""
    data = open(path, "rb").read()
    end = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    last = max(c.total_compressed_size + (c.dictionary_page_offset or c.data_page_offset)
               for c in (meta.row_group(g).column(i) for meta in [parquet.pq.ParquetFile(path).metadata]
                         for g in range(meta.num_row_groups) for i in range(meta.num_columns)))
    return bytearray(data), range(last, end)


with check("an_offset_index_changes_no_byte_whatever_it_says"):
    with folder() as f:
        n = 3000
        table = parquet.pa.table({"d": [i % 7 for i in range(n)], "s": [None if i % 3 else f"w{i}" for i in range(n)]})
        expected = {}
        for index in (False, True):
            path = str(f / f"{index}.parquet")
            parquet.pq.write_table(table, path, write_page_index=index, data_page_size=64, write_batch_size=100,
                                   compression="none", store_schema=False)
            for column in ("d", "s/offsets", "s/values", "s.validity"):
                expected.setdefault(column, cat(path, column))
                assert expected[column] and cat(path, column) == expected[column], column
        data, where = offset_indexes(path)
        assert len(where) > 400
        path, refused = str(f / "bad.parquet"), 0
        some = sampled(where[::7])
        for at in some:
            bad = bytearray(data)
            bad[at] ^= 1 << at % 8
            open(path, "wb").write(bad)
            for column in ("d", "s/values"):
                got = cat(path, column)
                refused += got is None
                assert got is None or got == expected[column], f"byte {at}: {column} reads as something else"
        assert refused < len(some)
with check("key_value_metadata_of_any_size_is_in_the_json_view"):
    for size in (100_000, 3 << 20):  # a footer that is copied, and one that is not
        with folder() as f:
            path = str(f / "x.parquet")
            told = {b"small": b"v", b"large": b"y" * size, b"larger": b"z" * 2 * size, b"with\0nul": b"w", b"last": b"x"}
            parquet.pq.write_table(parquet.pa.table({"x": [1]}).replace_schema_metadata(told), path)
            expected = {k.decode(): v.decode() for k, v in parquet.pq.ParquetFile(path).metadata.metadata.items()}
            assert len(expected["ARROW:schema"]) > 3 * size
            shown = json.loads(arrayfs("--cat", path, ".arrayfs/archive.json").stdout)["attributes"]
            assert shown == expected, {k: len(v) for k, v in shown.items()}

with check("a_page_larger_than_the_cache_names_the_option"):
    try:
        import polars
    except ImportError:
        raise Skip(LIBRARIES)
    with folder() as f:
        path, values = f / "large.parquet", parquet.np.arange(6_000_000) * 1_000_003
        polars.DataFrame({"x": values}).write_parquet(path, row_group_size=1 << 30, data_page_size=1 << 30, compression="lz4")
        refused = arrayfs("--cat", "-o", "cache=16M", path, "x", code=1)
        assert b"x: row group 0: " in refused.stderr and b"-o cache=" in refused.stderr, refused.stderr
        assert arrayfs("--cat", "-o", "cache=80M", path, "x").stdout == values.tobytes()

done()
