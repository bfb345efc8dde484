# SPDX-License-Identifier: MIT
"""Flax's checkpoints, against flax.serialization.msgpack_restore: whole processes."""
from measure import ARRAYFS, OUT, PYTHON, cat_to_file, compare, make, run, tell, timed

LOAD = """
import sys
from flax.serialization import msgpack_restore
def names(tree, before):
    for key, value in tree.items():
        names(value, before + key + "/") if isinstance(value, dict) else print(before + key)
names(msgpack_restore(open(sys.argv[1], "rb").read()), "")"""
ONE = """
import sys
from flax.serialization import msgpack_restore
a = msgpack_restore(open(sys.argv[1], "rb").read())["params"]["layer_255"]["kernel"]
with open(sys.argv[2], "r+b") as out: out.write(a.data)"""


def large():
    """1.7 GB in 400 arrays of 4 MiB."""
    return make("flax.msgpack", """
import sys, numpy as np
from flax.serialization import msgpack_serialize
rng = np.random.default_rng(1)
open(sys.argv[1], "wb").write(msgpack_serialize({"params": {f"layer_{i}": {"kernel": rng.random((1024, 1024), "f4")} for i in range(400)}}))""")


def case_flax(runs):
    """400 arrays of 4 MiB: their names, and one of them, against flax.serialization.msgpack_restore"""
    path = large()
    tell("Flax, names", f"arrayfs --list {path.name}", "python: msgpack_restore",
         compare(runs, lambda: timed(lambda: run(ARRAYFS, "--list", path)), lambda: timed(lambda: run(PYTHON, "-c", LOAD, path))), "200")
    tell("Flax, 4 MiB", f"arrayfs --cat {path.name} params/layer_255/kernel", "python: msgpack_restore",
         compare(runs, lambda: timed(lambda: cat_to_file(path, "params/layer_255/kernel")),
                 lambda: timed(lambda: run(PYTHON, "-c", ONE, path, OUT))), "200")
