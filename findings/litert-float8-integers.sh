#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# LiteRT gives the float8 tensors of a TensorFlow Lite model as small integers, and bfloat16 only where others taught NumPy.
#
# ai-edge-litert 2.3.0, ml_dtypes 0.6.0.  A constant of the types FLOAT8_E4M3FN or FLOAT8_E5M2, which its schema has beside
# BFLOAT16, is loaded without a word.  Interpreter.get_tensor() then returns int8, whose numbers are the floats' bits, and
# get_tensor_details() says int8, too: 1.0 is 56 or 60.  It does so whether or not ml_dtypes, which has these types, is
# imported.  Of a bfloat16 tensor get_tensor() fails, until the program imports ml_dtypes, which LiteRT itself does not.
# Seen, of the values 1, -2 and 0.5, before that import and after it:
#
#   BFLOAT16: ValueError: Invalid data-type for array; then bfloat16 [1.0, -2.0, 0.5], details say bfloat16
#   FLOAT8_E4M3FN: int8 [56, -64, 48], details say int8; then the same
#   FLOAT8_E5M2: int8 [60, -64, 56], details say int8; then the same
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check ai-edge-litert==2.3.0 flatbuffers==25.12.19 ml_dtypes==0.6.0 numpy==2.4.6
venv/bin/python - 2>&1 <<'PY' | grep -v '^INFO'
import sys

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter


def model(word, bits):
    """A model of one constant tensor, which is its output."""
    empty, stored = schema.BufferT(), schema.BufferT()
    stored.data = bits.view(np.uint8)
    t = schema.TensorT()
    t.name, t.shape, t.buffer, t.type = b"w", [len(bits)], 1, getattr(schema.TensorType, word)
    graph = schema.SubGraphT()
    graph.tensors, graph.inputs, graph.outputs, graph.operators = [t], [], [0], []
    m = schema.ModelT()
    m.version, m.buffers, m.subgraphs, m.operatorCodes = 3, [empty, stored], [graph], []
    b = flatbuffers.Builder(1024)
    b.Finish(m.Pack(b), b"TFL3")
    return bytes(b.Output())


def given(word, bits):
    interpreter = Interpreter(model_content=model(word, bits))
    interpreter.allocate_tensors()
    try:
        got = interpreter.get_tensor(0)
        return f"{got.dtype} {got.tolist()}, details say {np.dtype(interpreter.get_tensor_details()[0]['dtype'])}"
    except ValueError as e:
        return f"ValueError: {e}"


stored = {
    "BFLOAT16": np.array([0x3F80, 0xC000, 0x3F00], "<u2"),
    "FLOAT8_E4M3FN": np.array([0x38, 0xC0, 0x30], "u1"),
    "FLOAT8_E5M2": np.array([0x3C, 0xC0, 0x38], "u1"),
}
seen = {word: [given(word, bits)] for word, bits in stored.items()}
import ml_dtypes  # noqa: E402

for word, bits in stored.items():
    assert bits.view(getattr(ml_dtypes, word.lower())).tolist() == [1, -2, 0.5]
    seen[word].append(given(word, bits))
    print(f"{word}: {seen[word][0]}; then {'the same' if seen[word][0] == seen[word][1] else seen[word][1]}")
if seen != {
    "BFLOAT16": ["ValueError: Invalid data-type for array", "bfloat16 [1.0, -2.0, 0.5], details say bfloat16"],
    "FLOAT8_E4M3FN": ["int8 [56, -64, 48], details say int8"] * 2,
    "FLOAT8_E5M2": ["int8 [60, -64, 56], details say int8"] * 2,
}:
    sys.exit("LiteRT no longer gives float8 and bfloat16 tensors as stated")
PY
