# SPDX-License-Identifier: MIT
"""ONNX, against onnx.load: whole processes."""
from measure import ARRAYFS, OUT, PYTHON, cat_to_file, compare, make, run, tell, timed

NAMES = "import sys, onnx\nfor t in onnx.load(sys.argv[1], load_external_data=False).graph.initializer: print(t.name)"
ONE = """
import os, sys, onnx
from onnx import numpy_helper
m = onnx.load(sys.argv[1], load_external_data=False)
t = next(t for t in m.graph.initializer if t.name == "layer.255.weight")
with open(sys.argv[2], "r+b") as out: out.write(numpy_helper.to_array(t, os.path.dirname(sys.argv[1])).data)"""
ALL = """
import sys, onnx
from onnx import numpy_helper
with open(sys.argv[2], "r+b") as out:
    for t in onnx.load(sys.argv[1]).graph.initializer: out.write(numpy_helper.to_array(t).data)"""
MODEL = """
import sys, numpy as np, onnx
from onnx import helper, numpy_helper
rng = np.random.default_rng(1)
g = onnx.GraphProto(name="g")
for i in range({count}): g.initializer.append(numpy_helper.from_array(rng.random({shape}, "f4"), f"layer.{{i}}.weight"))
"""


def inline():
    """400 tensors of 4 MiB."""
    return make("inline.onnx", MODEL.format(count=400, shape=(1024, 1024)) + 'open(sys.argv[1], "wb").write(helper.make_model(g).SerializeToString())')


def small():
    """90,000 initializers of 16 numbers."""
    return make("small.onnx", MODEL.format(count=90000, shape=16) + 'open(sys.argv[1], "wb").write(helper.make_model(g).SerializeToString())')


def external():
    """400 tensors of 4 MiB in a file beside the model."""
    return make("external.onnx", MODEL.format(count=400, shape=(1024, 1024)) +
                'onnx.save(helper.make_model(g), sys.argv[1], save_as_external_data=True, location="external.data")')


def names(runs, what, path, goal):
    tell(f"onnx, names, {what}", f"arrayfs --list {path.name}", "python: onnx.load",
         compare(runs, lambda: timed(lambda: run(ARRAYFS, "--list", path)), lambda: timed(lambda: run(PYTHON, "-c", NAMES, path))), goal)


def one(runs, what, path, goal):
    tell(f"onnx, 4 MiB, {what}", f"arrayfs --cat {path.name} layer.255.weight", "python: onnx.load, to_array",
         compare(runs, lambda: timed(lambda: cat_to_file(path, "layer.255.weight")), lambda: timed(lambda: run(PYTHON, "-c", ONE, path, OUT))), goal)


def case_onnx(runs):
    """400 tensors of 4 MiB within a model and beside it: names, one, all; and 90,000 names, against onnx.load"""
    few = max(1, runs // 2)
    path = inline()
    names(few, "inline", path, "200")
    one(few, "inline", path, "200")
    tell("onnx, all of 1.6 GB", f"arrayfs --cat {path.name} 'layer.*'", "python: onnx.load, to_array",
         compare(few, lambda: timed(lambda: cat_to_file(path, "layer.*")), lambda: timed(lambda: run(PYTHON, "-c", ALL, path, OUT))), "4")
    names(runs, "90,000", small(), "7")
    path = external()
    names(runs, "external", path, "25")
    one(runs, "external", path, "25")
