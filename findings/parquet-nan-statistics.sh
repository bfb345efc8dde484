#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Whether a NaN is found in a Parquet file depends on whether the file has statistics.
#
# The format has writers leave NaN out of min and max, so pyarrow 26.0.1 stores 1.0 and 1.0 for
# the column 1.0, NaN, null.  DuckDB 2.0.1, for which NaN is the greatest number, trusts these
# bounds and skips the row group: even isnan(x) finds nothing.  DataFusion 55.0.0 finds it with
# isnan(x) but not with x > 5, though it orders NaN last as well; polars 2.1.0 finds it both times.
# Without statistics the same values give all three the same answer, and DuckDB gives a different
# answer for the very same query.  Seen:
#
#                    statistics   none
#   DuckDB isnan(x)           0      1
#   DuckDB x > 5              0      1
#   DataFusion isnan(x)       1      1
#   DataFusion x > 5          0      1
#   polars isnan(x)           1      1
#   polars x > 5              1      1
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
	pyarrow==26.0.1 duckdb==2.0.1 datafusion==55.0.0 polars==2.1.0
venv/bin/python - <<'PY'
import sys

import datafusion
import duckdb
import polars
import pyarrow
import pyarrow.parquet


def datafusion_count(path, where):
    context = datafusion.SessionContext()
    context.register_parquet("t", path)
    return context.sql(f"select x from t where {where}").to_arrow_table().num_rows


def duckdb_count(path, where):
    return len(duckdb.sql(f"select x from '{path}' where {where}").fetchall())


def polars_count(path, where):
    x = polars.col("x")
    wanted = x.is_nan() if where == "isnan(x)" else x > 5
    return polars.scan_parquet(path).filter(wanted).collect().height


table = pyarrow.table({"x": [1.0, float("nan"), None]})
for path in ("statistics", "none"):
    pyarrow.parquet.write_table(table, path + ".parquet", write_statistics=path == "statistics")
bounds = pyarrow.parquet.read_metadata("statistics.parquet").row_group(0).column(0).statistics
print("min and max:", bounds.min, bounds.max)

seen = []
print(f"{'':19}{'statistics':>11}{'none':>6}")
for name, count in (("DuckDB", duckdb_count), ("DataFusion", datafusion_count), ("polars", polars_count)):
    for where in ("isnan(x)", "x > 5"):
        found = [count(path + ".parquet", where) for path in ("statistics", "none")]
        print(f"{name + ' ' + where:19}{found[0]:11}{found[1]:6}")
        seen.append(found)
if (bounds.min, bounds.max) != (1, 1):
    sys.exit("pyarrow no longer leaves NaN out of the statistics")
if seen != [[0, 1], [0, 1], [1, 1], [0, 1], [1, 1], [1, 1]]:
    sys.exit("the three readers no longer find the NaN as stated")
PY
