#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# pyarrow opens a stream with a column of month intervals, prints its schema, and cannot hand the column out.
#
# pyarrow 26.0.1; the stream is by nanoarrow 0.9.0, with Interval(YEAR_MONTH), a type of the Arrow specification since its
# beginning: an int32 a row.  Schema, number of rows and validation are as they should be; looking at the column is a
# KeyError of a bare number, so the other columns' to_pylist() is lost with it.  Seen:
#
#   schema m: month_interval
#   rows 3
#   validate fine
#   column KeyError 21
#   to_pylist KeyError 21
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pyarrow==26.0.1 nanoarrow==0.9.0
venv/bin/python - <<'PY'
import io
import struct
import sys

import nanoarrow as na
import pyarrow as pa
from nanoarrow.ipc import StreamWriter

months = na.interval_months()
column = na.c_array_from_buffers(months, 3, [None, struct.pack("<3i", 1, 13, -1)])
table = na.c_array_from_buffers(na.struct({"m": months}), 3, [None], children=[column])
out = io.BytesIO()
with StreamWriter.from_writable(out) as writer:
    writer.write_array(table)

batch = pa.ipc.open_stream(out.getvalue()).read_next_batch()
print("schema", batch.schema)
print("rows", batch.num_rows)
batch.validate(full=True)
print("validate fine")
seen = []
for name, look in (("column", lambda: batch.column(0)), ("to_pylist", lambda: batch.to_pylist())):
    try:
        said = f"{look()}"
    except Exception as fault:
        said = f"{type(fault).__name__} {fault}"
    print(name, said)
    seen.append(said)
if str(batch.schema) != "m: month_interval" or batch.num_rows != 3:
    sys.exit("pyarrow no longer opens the stream as stated")
if seen != ["KeyError 21"] * 2:
    sys.exit("pyarrow no longer fails at month intervals as stated")
PY
