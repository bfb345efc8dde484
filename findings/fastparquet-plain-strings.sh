#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# fastparquet reads lists of strings right if the pages are dictionary-encoded, and as nulls if not.
#
# fastparquet 2026.9.0, files by pyarrow 26.0.1 that differ in use_dictionary alone (data pages of
# version 1; no error, no warning).  With plain strings every row of a list column becomes None;
# in a map whose values are strings, each value is replaced by its key.  DuckDB 2.0.1 writes short
# columns of strings plain unasked, so its maps are read so.  Lists of lists become None whatever
# the encoding.  Seen:
#
#   dictionary ([['a', 'b'], []], [{1: 'k', 2: 'l'}])
#   plain ([None, None], [{1: 1, 2: 2}])
#   DuckDB [{1: 1, 2: 2}]
#   lists of lists [None]
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
	pyarrow==26.0.1 duckdb==2.0.1 fastparquet==2026.9.0 pandas==3.1.1 numpy==2.4.6
venv/bin/python - <<'PY'
import sys

import duckdb
import fastparquet
import pyarrow as pa
import pyarrow.parquet as pq


def plain(value):
    """Without NumPy's types, to print and compare."""
    if isinstance(value, dict):
        return {plain(k): plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value.item() if hasattr(value, "item") else value


def read(path, column):
    return [plain(v) for v in fastparquet.ParquetFile(path).to_pandas()[column]]


lists = pa.table({"x": [["a", "b"], []]})
maps = pa.table({"x": pa.array([[(1, "k"), (2, "l")]], pa.map_(pa.int32(), pa.string()))})
seen = {}
for name, dictionary in (("dictionary", True), ("plain", False)):
    pq.write_table(lists, "list.parquet", use_dictionary=dictionary)
    pq.write_table(maps, "map.parquet", use_dictionary=dictionary)
    for path, table in (("list.parquet", lists), ("map.parquet", maps)):
        assert pq.read_table(path).equals(table)
    seen[name] = read("list.parquet", "x"), read("map.parquet", "x")
duckdb.sql("copy (select map([1, 2], ['k', 'l']) x) to 'duckdb.parquet'")
assert pq.read_table("duckdb.parquet").to_pydict() == {"x": [[(1, "k"), (2, "l")]]}
seen["DuckDB"] = read("duckdb.parquet", "x")
pq.write_table(pa.table({"x": [[[1, 2], [3]]]}), "nested.parquet")
seen["lists of lists"] = read("nested.parquet", "x")
for name, value in seen.items():
    print(name, value)

wrong = [{1: 1, 2: 2}]
if seen["dictionary"] != ([["a", "b"], []], [{1: "k", 2: "l"}]):
    sys.exit("fastparquet no longer reads the dictionary-encoded files right")
if seen["plain"] != ([None, None], wrong) or seen["DuckDB"] != wrong:
    sys.exit("fastparquet no longer misreads plain strings in lists and maps as stated")
if seen["lists of lists"] != [None]:
    sys.exit("fastparquet no longer reads lists of lists as nulls")
PY
