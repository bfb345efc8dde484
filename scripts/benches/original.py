# SPDX-License-Identifier: MIT
"""The archive itself, through the mount: how long its own library takes to load it."""
from measure import ARRAYFS, DATA, PYTHON, Mount, compare, run, tell, timed
from contiguous import big

# Every page of every tensor is looked at: what is only mapped costs nothing.
LOADERS = {
    "safe_open": "import sys; from safetensors import safe_open\n"
                 "with safe_open(sys.argv[1], 'np') as f: [f.get_tensor(k)[::4096].sum() for k in f.keys()]",
    "torch load_file": "import sys; from safetensors.torch import load_file\n"
                       "[t[::4096].sum() for t in load_file(sys.argv[1]).values()]",
}


def case_original(runs):
    """A second load of 2 GB of safetensors from .arrayfs/original against the plain file's"""
    path = big()
    for name, code in LOADERS.items():
        load = lambda file: timed(lambda: run(PYTHON, "-c", code, file))
        for what, source in (("archive", path), ("directory", DATA)):
            with Mount(ARRAYFS, "-f", source) as m:
                original = m.point / ".arrayfs/original" / path.name
                load(original)
                tell(f"{name}, {what}", "a second load, whole process", "the plain file", compare(
                    runs, lambda: load(original), lambda: load(path)), "0.87")
