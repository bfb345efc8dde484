# SPDX-License-Identifier: MIT
"""Files held against their SHA-256, beside what else makes one; archives checked and decoded whole."""
import hashlib
import json

from measure import ARRAYFS, DATA, PYTHON, compare, make, run, tell, timed

TENSORS = """
import sys, numpy as np
from safetensors.numpy import save_file
rng = np.random.default_rng({seed})
save_file({{f"layers.{{i}}.weight": rng.standard_normal((1024, {width}), np.float32) for i in range(16)}}, sys.argv[1])"""


def checkpoint(name, files, width):
    """A folder of safetensors files with a manifest, made once."""
    folder = DATA / name
    if not (folder / "manifest.json").exists():
        folder.mkdir(exist_ok=True)
        digests = {}
        for i in range(files):
            made = make(f"{name}/{i}.safetensors", TENSORS.format(seed=i, width=width))
            with open(made, "rb") as f:
                digests[made.name] = hashlib.file_digest(f, "sha256").hexdigest()
        (folder / "manifest.json").write_text(json.dumps({"files": digests}))
    return folder


def beside(case, runs, folder, goal):
    paths = sorted(folder.glob("*.safetensors"))
    for peer, wanted in ((("sha256sum",), goal), (("openssl", "dgst", "-sha256"), "0.83")):
        tell(f"verify of {case}, {peer[0]}", "arrayfs verify", " ".join(peer),
             compare(runs, lambda: timed(lambda: run(ARRAYFS, "verify", folder)), lambda: timed(lambda: run(*peer, *paths))), wanted)


def case_verify(runs):
    """verify of 2 GB with a manifest, in one file and in four, against sha256sum and openssl; of a .npz against zipfile"""
    beside("2 GB", runs, checkpoint("verify-one", 1, 32768), "3.5")
    beside("2 GB in 4 files", runs, checkpoint("verify-four", 4, 8192), "6")
    path = make("verify.npz", """
import sys, numpy as np
rng = np.random.default_rng(1)
np.savez(open(sys.argv[1], "wb"), **{f"a{i}": rng.standard_normal(1 << 24, np.float32) for i in range(8)})""")
    tell("verify of 0.5 GB of .npz", f"arrayfs verify {path.name}", "python: zipfile, testzip",
         compare(runs, lambda: timed(lambda: run(ARRAYFS, "verify", path)),
                 lambda: timed(lambda: run(PYTHON, "-c", "import sys, zipfile; assert zipfile.ZipFile(sys.argv[1]).testzip() is None", path))), None)
