#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The same run-end encoded column has no buffer of its own in Arrow's metadata version V5, and a validity buffer in V4.
#
# pyarrow 26.0.1.  The specification gives run-end encoded arrays no buffers at all ("they have no validity bitmap"), and
# speaks of a change from V4 to V5 for unions alone.  pyarrow writes, and expects, one more buffer in V4 messages for every
# type but null, so also for this one, which is younger than V5; a reader that counts buffers by the specification takes
# the values of the wrong column from there on.  Seen:
#
#   V4 5 buffers
#   V5 4 buffers
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pyarrow==26.0.1 flatbuffers==25.12.19
venv/bin/python - <<'PY'
import io
import sys

import pyarrow as pa
from flatbuffers import number_types as N, table

column = pa.RunEndEncodedArray.from_arrays(pa.array([3, 5], pa.int16()), pa.array([1, 7], pa.int32()))
batch = pa.record_batch({"r": column})


def buffers(message):
    """How many buffers a record batch message lists: Message.header is field 2, RecordBatch.buffers field 2."""
    data = bytearray(message.metadata.to_pybytes())
    root = table.Table(data, int.from_bytes(data[:4], "little"))
    header = table.Table(data, root.Indirect(root.Pos + root.Offset(8)))
    return header.VectorLen(header.Offset(8))


seen = {}
for version in ("V4", "V5"):
    out = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(metadata_version=getattr(pa.ipc.MetadataVersion, version))
    with pa.ipc.new_stream(out, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    assert pa.ipc.open_stream(out.getvalue()).read_all().column("r").to_pylist() == [1, 1, 1, 7, 7]
    seen[version] = buffers(list(pa.ipc.MessageReader.open_stream(out.getvalue()))[1])
    print(version, seen[version], "buffers")
if seen != {"V4": 5, "V5": 4}:
    sys.exit("pyarrow no longer writes another buffer in V4 as stated")
PY
