# SPDX-License-Identifier: MIT
"""TensorFlow Lite models against LiteRT's interpreter: whole processes."""
from measure import ARRAYFS, OUT, PYTHON, cat_to_file, compare, make, run, tell, timed

LIST = """
import sys
from ai_edge_litert.interpreter import Interpreter
for d in Interpreter(sys.argv[1]).get_tensor_details(): print(d["name"])"""
ONE = """
import sys
from ai_edge_litert.interpreter import Interpreter
i = Interpreter(sys.argv[1])
i.allocate_tensors()
with open(sys.argv[2], "r+b") as out: out.write(next(i.get_tensor(d["index"]) for d in i.get_tensor_details() if d["name"] == "layer.200.weight").data)"""


def large():
    """400 tensors of 4 MiB."""
    return make("large.tflite", """
import sys, flatbuffers, numpy as np
from ai_edge_litert import schema_py_generated as schema
rng, at = np.random.default_rng(1), 1 << 20
m, g = schema.ModelT(), schema.SubGraphT()
m.version, m.subgraphs, m.buffers, m.operatorCodes, g.tensors, g.inputs, g.outputs, g.operators = 3, [g], [schema.BufferT()], [], [], [], list(range(400)), []
for i in range(400):
    b, t = schema.BufferT(), schema.TensorT()
    b.offset, b.size = at + (i << 22), 1 << 22
    t.name, t.shape, t.buffer = f"layer.{i}.weight", [1024, 1024], i + 1
    m.buffers.append(b)
    g.tensors.append(t)
b = flatbuffers.Builder(1 << 16)
b.Finish(m.Pack(b), b"TFL3")
with open(sys.argv[1], "wb") as f:
    f.write(bytes(b.Output()).ljust(at, b"\\0"))
    for i in range(400): f.write(rng.standard_normal((1024, 1024), np.float32))""")


def case_tflite(runs):
    """400 tensors of 4 MiB: their names, and one, against LiteRT's interpreter"""
    path = large()
    tell("tflite, names", f"arrayfs --list {path.name}", "python: LiteRT, get_tensor_details",
         compare(runs, lambda: timed(lambda: run(ARRAYFS, "--list", path)), lambda: timed(lambda: run(PYTHON, "-c", LIST, path))), "30")
    tell("tflite, 4 MiB", f"arrayfs --cat {path.name} layer.200.weight", "python: LiteRT, get_tensor",
         compare(runs, lambda: timed(lambda: cat_to_file(path, "layer.200.weight")), lambda: timed(lambda: run(PYTHON, "-c", ONE, path, OUT))), "18")
