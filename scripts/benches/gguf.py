# SPDX-License-Identifier: MIT
"""GGUF, against gguf.GGUFReader: whole processes."""
from measure import ARRAYFS, OUT, PYTHON, cat_to_file, compare, make, run, tell, timed

NAMES = "import sys, gguf\nfor t in gguf.GGUFReader(sys.argv[1]).tensors: print(t.name)"
ONE = """
import sys, gguf
t = next(t for t in gguf.GGUFReader(sys.argv[1]).tensors if t.name == "blk.31.attn_3.weight")
with open(sys.argv[2], "r+b") as out: out.write(t.data.data)"""
WRITE = """
import sys, gguf, numpy as np
w = gguf.GGUFWriter(sys.argv[1], "llama")
{}
w.write_header_to_file()
w.write_kv_data_to_file()
w.write_tensors_to_file()
w.close()"""


def words():
    """1.7 GB in 400 tensors of 4 MiB, and a vocabulary of 128,000 words."""
    return make("words.gguf", WRITE.format("""
w.add_array("tokenizer.ggml.tokens", [f"\\u0120word{i}" for i in range(128_000)])
w.add_array("tokenizer.ggml.token_type", [1] * 128_000)
w.add_array("tokenizer.ggml.merges", [f"a{i} b{i}" for i in range(128_000)])
data = np.random.default_rng(1).standard_normal((1024, 1024), "f4")
for i in range(400): w.add_tensor(f"blk.{i // 10}.attn_{i % 10}.weight", data)"""))


def many():
    """90,000 tensors of 16 numbers."""
    return make("many.gguf", WRITE.format("""
for i in range(90_000): w.add_tensor(f"blk.{i // 10}.block_{i % 10}.weight", np.full((4, 4), i, "f4"))"""))


def case_gguf(runs):
    """Names, and one tensor of 1.7 GB, beside a vocabulary of 128,000 words; 90,000 names: against GGUFReader"""
    path = words()
    tell("GGUF, names, 128,000 words", f"arrayfs --list {path.name}", "python: GGUFReader",
         compare(runs, lambda: timed(lambda: run(ARRAYFS, "--list", path)), lambda: timed(lambda: run(PYTHON, "-c", NAMES, path))), "300")
    tell("GGUF, 4 MiB, 128,000 words", f"arrayfs --cat {path.name} blk.31.attn_3.weight", "python: GGUFReader",
         compare(runs, lambda: timed(lambda: cat_to_file(path, "blk.31.attn_3.weight")), lambda: timed(lambda: run(PYTHON, "-c", ONE, path, OUT))), "300")
    path = many()
    tell("GGUF, 90,000 names", f"arrayfs --list {path.name}", "python: GGUFReader",
         compare(runs, lambda: timed(lambda: run(ARRAYFS, "--list", path)), lambda: timed(lambda: run(PYTHON, "-c", NAMES, path))), "100")
