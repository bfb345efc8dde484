#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# LiteRT's usual kernel dequantizes int8 to other floats than its reference kernel, in a third of all values.
#
# ai-edge-litert 2.3.0, on x86-64.  The specification says scale * (q - zero_point), and the reference kernel
# (OpResolverType.BUILTIN_REF) rounds that once.  The optimized kernel, which runs if nothing is asked for, computes
# scale * q - scale * zero_point, of which each step is rounded.  So with a zero point other than 0, a value that is
# stored as the zero point itself is 0 in both, and many others differ in their last bits; with a zero point of 0 none
# does.  Seen, of all 256 values, with a scale of 0.0371:
#
#   zero point 0: 0 differ
#   zero point -5: 84 differ, by at most 4.8e-07
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check ai-edge-litert==2.3.0 flatbuffers==25.12.19 numpy==2.4.6
venv/bin/python - 2>&1 <<'PY' | grep -v '^INFO'
import sys

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

STORED = np.arange(-128, 128).astype(np.int8)
SCALE = np.float32(0.0371)


def model(zero_point):
    """DEQUANTIZE of a constant."""
    empty, buffer = schema.BufferT(), schema.BufferT()
    buffer.data = STORED.view(np.uint8)
    q = schema.QuantizationParametersT()
    q.scale, q.zeroPoint = np.array([SCALE]), np.array([zero_point], np.int64)
    w, out = schema.TensorT(), schema.TensorT()
    w.name, w.shape, w.type, w.buffer, w.quantization = b"w", [256], schema.TensorType.INT8, 1, q
    out.name, out.shape, out.type, out.buffer = b"out", [256], schema.TensorType.FLOAT32, 0
    operator, code, graph, m = schema.OperatorT(), schema.OperatorCodeT(), schema.SubGraphT(), schema.ModelT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0], [1]
    code.deprecatedBuiltinCode = code.builtinCode = schema.BuiltinOperator.DEQUANTIZE
    code.version = 2
    graph.tensors, graph.inputs, graph.outputs, graph.operators = [w, out], [], [1], [operator]
    m.version, m.buffers, m.subgraphs, m.operatorCodes = 3, [empty, buffer], [graph], [code]
    b = flatbuffers.Builder(1024)
    b.Finish(m.Pack(b), b"TFL3")
    return bytes(b.Output())


def run(content, kernels):
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    interpreter.invoke()
    return interpreter.get_tensor(1)


seen = {}
for zero_point in (0, -5):
    content = model(zero_point)
    usual, reference = (run(content, k) for k in (OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES, OpResolverType.BUILTIN_REF))
    q = STORED.astype(np.float32)
    assert (reference == SCALE * (q - np.float32(zero_point))).all()
    assert (usual == SCALE * q - SCALE * np.float32(zero_point)).all()
    seen[zero_point] = int((usual != reference).sum())
    most = float(np.abs(usual.astype(float) - reference).max())
    print(f"zero point {zero_point}: {seen[zero_point]} differ" + (f", by at most {most:.1e}" if most else ""))
if seen != {0: 0, -5: 84}:
    sys.exit("LiteRT's kernels no longer differ as stated")
PY
