# SPDX-License-Identifier: MIT
"""Two archives compared, against a loop in Python."""
import subprocess

from measure import ARRAYFS, PYTHON, compare, make, run, tell, timed

MODEL = """
import sys, numpy as np
from safetensors.numpy import save_file
rng = np.random.default_rng(1)
t = {f"model.layers.{i}.mlp.weight": rng.standard_normal((4096, 1024), np.float32) for i in range(128)}
"""

SAVE = """
save_file(t, sys.argv[1])"""

# What each of the names differs in, by one tensor at a time.
LOOP = """
import sys, numpy as np
from safetensors import safe_open
close = len(sys.argv) > 3
with safe_open(sys.argv[1], 'np') as f, safe_open(sys.argv[2], 'np') as g:
    for k in f.keys():
        a, b = f.get_tensor(k), g.get_tensor(k)
        if close:
            differ = ~np.isclose(a, b, rtol=1e-5, atol=1e-8, equal_nan=True)
        else:
            differ = a != b
        if differ.any():
            d = np.where(differ, np.abs(a - b), 0)
            print(k, np.count_nonzero(differ), d.max(), np.unravel_index(d.argmax(), d.shape))"""


def differ(*command):
    """As run(), for what ends with 1 where there are differences."""
    if subprocess.run([str(c) for c in command], stdout=subprocess.DEVNULL).returncode not in (0, 1):
        raise RuntimeError(f"{command} failed")


def case_diff(runs):
    """--diff of two checkpoints of 2 GB against safe_open and numpy"""
    first = make("diff-a.safetensors", MODEL + SAVE)
    others = {
        "one element": make("diff-b.safetensors", MODEL + "t['model.layers.100.mlp.weight'][5, 7] += 1" + SAVE),
        "every element": make("diff-c.safetensors", MODEL + "\nfor k in t: t[k] *= np.float32(1.0001)" + SAVE),
    }
    for what, other in others.items():
        for options, argument in ((), ()), (("--rtol=1e-5", "--atol=1e-8"), ("close",)):
            tell(f"diff of 2 GB, {what}{', close' if options else ''}", f"arrayfs --diff {' '.join(options)}",
                 "python: safe_open, numpy", compare(
                     runs, lambda: timed(lambda: differ(ARRAYFS, "--diff", *options, first, other)),
                     lambda: timed(lambda: run(PYTHON, "-c", LOOP, first, other, *argument))), "3")
