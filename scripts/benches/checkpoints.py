# SPDX-License-Identifier: MIT
"""PyTorch's files, pickles and joblib's, against torch.load, zipfile, Python's unpickler and joblib.load: whole processes."""
import os
import subprocess

from measure import ARRAYFS, OUT, PYTHON, RESULTS, cat_to_file, compare, forget, make, run, say, tell, timed

# Python's unpickler in C, to which globals are names: what reading the names costs it.
INERT = """
import pickle, sys, zipfile
class Inert(pickle.Unpickler):
    def find_class(self, module, name): return dict if name == "OrderedDict" else lambda *args: args
    def persistent_load(self, pid): return pid
with zipfile.ZipFile(sys.argv[1]) as z:
    root = z.infolist()[0].filename.split("/")[0]
    with z.open(root + "/data.pkl") as f:
        for name in Inert(f).load(): print(name)"""
LOAD = "import sys, torch\nfor name in torch.load(sys.argv[1], map_location='cpu'): print(name)"
RECORD = """
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as z, open(sys.argv[2], "r+b") as out:
    out.write(z.read(z.infolist()[0].filename.split("/")[0] + "/data/255"))"""
ONE = """
import sys, torch
t = torch.load(sys.argv[1], {how})["layer.255.weight"]
with open(sys.argv[2], "r+b") as out: out.write(t.numpy().data)"""


def small():
    """20,000 tensors of 16 numbers."""
    return make("small.pt", """
import sys, collections, torch
torch.save(collections.OrderedDict((f"model.layers.{i // 10}.block.{i % 10}.weight", torch.full((4, 4), float(i))) for i in range(20000)), open(sys.argv[1], "wb"))""")


def large(legacy=False):
    """2 GB in 512 tensors of 4 MiB."""
    return make("legacy.pt" if legacy else "large.pt", f"""
import sys, torch
torch.manual_seed(1)
torch.save({{f"layer.{{i}}.weight": torch.randn(1024, 1024) for i in range(512)}}, open(sys.argv[1], "wb"), _use_new_zipfile_serialization={not legacy})""")


def case_torch(runs):
    """20,000 names, one tensor and all of 2 GB, one of the old form, against torch.load, zipfile and cat"""
    path = small()
    for peer, code, goal in (("Python's unpickler, inert", INERT, "8"), ("torch.load", LOAD, "60")):
        tell(f"torch, names, {peer}", f"arrayfs --list {path.name}", f"python: {peer}",
             compare(runs, lambda: timed(lambda: run(ARRAYFS, "--list", path)), lambda code=code: timed(lambda: run(PYTHON, "-c", code, path))), goal)
    path = large()
    for peer, code, goal in (("zipfile, record known", RECORD, "5"), ("torch.load(mmap=True)", ONE.format(how="mmap=True"), "200")):
        tell(f"torch, 4 MiB, {peer}", f"arrayfs --cat {path.name} layer.255.weight", f"python: {peer}",
             compare(runs, lambda: timed(lambda: cat_to_file(path, "layer.255.weight")), lambda code=code: timed(lambda: run(PYTHON, "-c", code, path, OUT))), goal)
    few = max(1, runs // 2)

    def cat():
        with open(OUT, "r+b") as out:
            subprocess.run(["cat", path], stdout=out, check=True)
    tell("torch, all of 2 GB, cat", f"arrayfs --cat {path.name} 'layer.*'", f"cat {path.name}",
         compare(few, lambda: timed(lambda: cat_to_file(path, "layer.*")), lambda: timed(cat)), "0.83")
    path = large(legacy=True)
    tell("torch, 4 MiB of the old form", f"arrayfs --cat {path.name} layer.255.weight", "python: torch.load",
         compare(few, lambda: timed(lambda: cat_to_file(path, "layer.255.weight")), lambda: timed(lambda: run(PYTHON, "-c", ONE.format(how=""), path, OUT))), "200")


def case_torch_strided(runs):
    """A transposed tensor of 8192 x 8192 to a file, against torch.load().contiguous()"""
    path = make("transposed.pt", "import sys, torch\ntorch.save({'t': torch.arange(8192 * 8192, dtype=torch.float32).reshape(8192, 8192).t()}, open(sys.argv[1], 'wb'))")
    code = "import sys, torch\nt = torch.load(sys.argv[1])['t'].contiguous()\nwith open(sys.argv[2], 'r+b') as out: out.write(t.numpy().data)"
    tell("torch, transposed, 268 MB", f"arrayfs --cat {path.name} t", "python: torch.load, contiguous",
         compare(runs, lambda: timed(lambda: cat_to_file(path, "t")), lambda: timed(lambda: run(PYTHON, "-c", code, path, OUT))), "7")


def case_joblib(runs):
    """One array of 1 GB by joblib, against joblib.load(mmap_mode='r')"""
    path = make("arrays.joblib", """
import sys, joblib, numpy as np
rng = np.random.default_rng(1)
joblib.dump({f"layer{i}": rng.random((1024, 512)) for i in range(256)}, open(sys.argv[1], "wb"))""")
    code = "import sys, joblib\na = joblib.load(sys.argv[1], mmap_mode='r')['layer99']\nwith open(sys.argv[2], 'r+b') as out: out.write(a.data)"
    tell("joblib, 4 MiB of 1 GB", f"arrayfs --cat {path.name} layer99", "python: joblib.load, mmap_mode",
         compare(runs, lambda: timed(lambda: cat_to_file(path, "layer99")), lambda: timed(lambda: run(PYTHON, "-c", code, path, OUT))), "8")


def peak(*command):
    """Seconds, and the most bytes that were resident, of a process; its exit code is not looked at."""
    with subprocess.Popen([str(c) for c in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as p:
        used = None

        def wait():
            nonlocal used
            _, p.returncode, used = os.wait4(p.pid, 0)
        seconds = timed(wait)
    return seconds, used.ru_maxrss << 10


def case_pickle(runs):
    """A pickle of 10 million values: time and memory, against pickle.load"""
    path = make("values.pkl", "import sys, pickle, numpy as np\npickle.dump({'a': np.arange(9), 'values': list(range(10_000_000))}, open(sys.argv[1], 'wb'))")
    code = "import sys, pickle\npickle.load(open(sys.argv[1], 'rb'))"
    forget(path)
    ours, theirs = peak(ARRAYFS, "--list", path), peak(PYTHON, "-c", code, path)
    for who, (seconds, most) in (("arrayfs --list", ours), ("pickle.load", theirs)):
        RESULTS.append({"case": "pickle, 10 million values", "command": who, "seconds": seconds, "resident": most, "bytes": path.stat().st_size})
        say(f"{'pickle, 10 million values':<34} {who:<16} {seconds:6.2f} s, at most {most / 2 ** 20:.0f} MiB resident, the file's {path.stat().st_size / 2 ** 20:.0f} MiB included")
