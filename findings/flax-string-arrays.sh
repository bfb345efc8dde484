#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Flax's MessagePack takes arrays of text and of records that it cannot give back, and of records drops the fields.
#
# flax 0.12.8, numpy 2.4.6.  msgpack_serialize() writes an array's bytes with its dtype's `name`.  Of numbers that is a
# dtype again, of times with their unit, too; of strings and structured arrays it is a word that numpy.dtype() does not
# take: `str64` for U2, `bytes16` for S2, `void64` for a record of an int32 and a float32.  Arrays of objects are refused
# when they are written, these only when the checkpoint is read, and one such leaf makes all of it unreadable.  The text
# can be had from the bytes (the word's number is its bits); which fields a record had stands nowhere.  Seen:
#
#   datetime64[s]: datetime64[s], restored
#   U2: str64, data type 'str64' not understood
#   S2: bytes16, data type 'bytes16' not understood
#   record of x and y: void64, data type 'void64' not understood
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check flax==0.12.8 jax==0.10.2 jaxlib==0.10.2 msgpack==1.2.4 numpy==2.4.6
venv/bin/python - <<'PY'
import sys

import msgpack
import numpy as np
from flax.serialization import msgpack_restore, msgpack_serialize

arrays = {
    "datetime64[s]": np.array([1], "M8[s]"),
    "U2": np.array(["ab", "c"]),
    "S2": np.array([b"ab", b"c"]),
    "record of x and y": np.zeros(2, [("x", "i4"), ("y", "f4")]),
}
seen = {}
for what, array in arrays.items():
    stored = msgpack_serialize({"other": np.ones(2), "leaf": array})
    shape, name, raw = msgpack.unpackb(msgpack.unpackb(stored)["leaf"].data)
    assert raw == array.tobytes() and tuple(shape) == array.shape
    try:
        restored = msgpack_restore(stored)["leaf"]
        assert restored.dtype == array.dtype and (restored == array).all()
        seen[what] = name, "restored"
    except TypeError as e:
        seen[what] = name, str(e)
    print(f"{what}: {', '.join(seen[what])}")
unknown = {"U2": "str64", "S2": "bytes16", "record of x and y": "void64"}
if seen != {"datetime64[s]": ("datetime64[s]", "restored")} | {k: (v, f"data type '{v}' not understood") for k, v in unknown.items()}:
    sys.exit("flax now restores these arrays, or writes them otherwise")
PY
