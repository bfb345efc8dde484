# SPDX-License-Identifier: MIT
"""The same arrays in every format that is read."""
import os
import subprocess

from measure import ARRAYFS, OUT, RESULTS, Mount, cat_to_file, make, read_through, run, say, timed

# What is stored: name -> array, of the same name in every format.
CONTENTS = {
    "checkpoint": """
arrays = {f"model.layers.{i // 4}.{n}.weight": (rng.standard_normal((1024, 2048)) * 0.02).astype(np.float16)
          for i in range(64) for n in ["qkvo"[i % 4] + "_proj"]}""",
    "table": """
n = 8_000_000
arrays = {"id": np.arange(n), "time": np.cumsum(rng.integers(0, 1000, n)), "user": rng.integers(0, 100_000, n).astype(np.int32),
          "price": np.round(rng.lognormal(3, 1, n), 2), "count": rng.poisson(3, n).astype(np.int16), "score": rng.standard_normal(n).astype(np.float32)}""",
    "cube": """
x, y = np.meshgrid(np.linspace(0, 9, 1024), np.linspace(0, 9, 1024))
arrays = {"image": np.stack([(np.sin(x + i / 40) * np.cos(y) * 2000 + rng.poisson(100, x.shape) + 2000).astype(np.uint16) for i in range(128)])}""",
}
# The array that is looked at alone.
ONE = {"checkpoint": "model.layers.3.q_proj.weight", "table": "price", "cube": "image"}

# format: (ending, how its reference library writes the arrays)
PARQUET = """
import pyarrow as pa, pyarrow.parquet as pq
pq.write_table(pa.table(arrays), sys.argv[1], row_group_size=1 << 20, write_page_index=True, {})"""
HDF5 = """
import h5py
with h5py.File(sys.argv[1], "w") as f:
    for n, a in arrays.items(): f.create_dataset(n, data=a, {})"""
FORMATS = {
    "safetensors": ("safetensors", "from safetensors.numpy import save_file; save_file(arrays, sys.argv[1])"),
    "HDF5, contiguous": ("contiguous.h5", HDF5.format("")),
    "HDF5, shuffle + deflate 4": ("deflate.h5", HDF5.format("chunks=(1,) + a.shape[1:] if a.ndim == 3 else True, shuffle=True, compression='gzip'")),
    "HDF5, LZF": ("lzf.h5", HDF5.format("chunks=(1,) + a.shape[1:] if a.ndim == 3 else True, shuffle=True, compression='lzf'")),
    "Parquet, uncompressed": ("plain.parquet", PARQUET.format("compression='none', use_dictionary=False")),
    "Parquet, snappy": ("snappy.parquet", PARQUET.format("compression='snappy'")),
    "Parquet, zstd": ("zstd.parquet", PARQUET.format("compression='zstd'")),
}


def stored(content, format):
    ending, write = FORMATS[format]
    return make(f"formats-{content}.{ending}", f"import sys, numpy as np\nrng = np.random.default_rng(1)\n{CONTENTS[content]}\n{write}")


def measured(path, one, runs):
    """Seconds of whole processes, and of 1 % read through a fresh mount."""
    best = lambda action: min(timed(action) for _ in range(runs))
    folder = OUT.with_suffix(".d")

    def all_of_it():
        run(ARRAYFS, "--extract", "--force", path, folder)

    def one_percent():
        with Mount(ARRAYFS, "-f", path) as m:
            file = m.point / one
            size = os.path.getsize(file)
            return timed(lambda: read_through(file, size // 2, size // 100))
    try:
        return {"open": best(lambda: run(ARRAYFS, "--list", path)), "one": best(lambda: cat_to_file(path, one)),
                "percent": min(one_percent() for _ in range(runs)), "all": best(all_of_it)}
    finally:
        subprocess.run(["rm", "-rf", folder], check=True)


def case_formats(runs):
    """A checkpoint, a table and an image cube in every format: size, time to open, one array, 1 % of it, all; by name only"""
    say(f"\n{'':<38} {'size':>9} {'list':>9} {'one':>9} {'1 % of it':>10} {'all':>9}")
    for content in CONTENTS:
        for format, (ending, _) in FORMATS.items():
            if content != "table" and ending.endswith("parquet"):
                continue  # it holds tables
            path = stored(content, format)
            seconds = measured(path, ONE[content], max(2, runs // 2))
            RESULTS.append({"case": f"formats, {content}", "format": format, "bytes": path.stat().st_size, **seconds})
            say(f"{content + ', ' + format:<38} {path.stat().st_size / 2 ** 20:5.0f} MiB "
                + " ".join(f"{seconds[k] * 1e3:{w}.1f} ms" for k, w in (("open", 6), ("one", 6), ("percent", 7), ("all", 6))))
