#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Parquet, compared with pyarrow: every shown file of some hundred files made
here by pyarrow, DuckDB, polars and fastparquet, and of files that others wrote.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import ARRAYFS, Skip, check, done, folder, need, others  # noqa: E402

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
        assert compare_all(parquet.make(str(f))) > 80

with check("files_by_other_writers_are_shown_as_pyarrow_reads_them"):
    with folder() as f:
        if compare_all(parquet.others(str(f))) == 0:
            raise Skip("no other writer is installed")

with check("files_that_others_published_are_shown_as_pyarrow_reads_them"):
    found = [p for p in others("**/*") if p.endswith((".parquet", ".parq", ".pq"))]
    assert not found or compare_all(found) > 100

done()
