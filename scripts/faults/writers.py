# SPDX-License-Identifier: MIT
"""Archives of every format, made by the reference libraries, whose bytes are known.

WRITERS tells for each format a function that writes an archive and returns what a
mount must show of it: {path of a file below the archive: its bytes}.  Another seed
gives other bytes everywhere, of the same shapes.  What the Python at hand has no
library for is not there.
"""
import json
import os

WRITERS = {}
SUFFIX = {"safetensors": ".safetensors", "safetensors_index": ".safetensors.index.json",
          "parquet": ".parquet", "hdf5": ".h5"}
MISSING = []

try:
    import numpy as np
except ImportError:
    raise SystemExit("no numpy: TEST_PYTHON may name a Python that has the reference libraries")


def numbers(seed, n, dtype):
    """n numbers that no other seed has, half of them easy to compress."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 1 << 62, n // 2, dtype=np.int64)
    steps = np.arange(n - n // 2, dtype=np.int64) // 16 + seed * 1000003
    return np.concatenate([noise, steps]).astype(dtype)


def arrays(seed, n):
    return {"w/i8": numbers(seed, n * 4, np.int64), "w/f4": numbers(seed + 1, n * 8, np.float32).reshape(-1, 8),
            "b/i2": numbers(seed + 2, n, np.int16), "e/u1": numbers(seed + 3, n // 2 + 1, np.uint8)}


try:
    from safetensors.numpy import save_file

    def write_safetensors(path, seed, n):
        made = arrays(seed, n)
        save_file(made, path)
        return {k: v.tobytes() for k, v in made.items()}

    def write_index(path, seed, n):
        """Beside shards of its own, which stay as long as the folder."""
        made, where = arrays(seed, n), {}
        folder, stem = os.path.split(path)
        shards = f"shards-{stem.split('.')[0]}-{seed}"
        os.makedirs(os.path.join(folder, shards), exist_ok=True)
        for k, v in made.items():
            where[k] = f"{shards}/{k.replace('/', '-')}.safetensors"
            save_file({k: v}, os.path.join(folder, where[k]))
        with open(path, "w") as f:
            json.dump({"metadata": {"seed": str(seed)}, "weight_map": where}, f)
        return {k: v.tobytes() for k, v in made.items()}

    WRITERS["safetensors"] = write_safetensors
    WRITERS["safetensors_index"] = write_index
except ImportError:
    MISSING.append("safetensors")

try:
    import pyarrow as pa
    import pyarrow.parquet as pq

    CODECS = ["none", "snappy", "zstd", "gzip", "lz4", "brotli"]

    def text(seed, n):
        words = [f"{seed}-{i % 97}" * (i % 5) for i in range(n)]
        raw = [w.encode() for w in words]
        ends = np.cumsum([0] + [len(r) for r in raw], dtype=np.int64)
        return words, {"s/offsets": ends.tobytes(), "s/values": b"".join(raw)}

    def write_parquet(path, seed, n):
        n *= 4
        made = {"i8": numbers(seed, n, np.int64), "f4": numbers(seed + 1, n, np.float32),
                "i4": (np.arange(n, dtype=np.int32) + seed * 7919) // 5}
        words, shown = text(seed, n)
        columns = {k: pa.array(v) for k, v in made.items()}
        columns["s"] = pa.array(words, pa.string())
        valid = np.arange(n) % 3 != seed % 3
        columns["nulls"] = pa.array(made["i8"], mask=~valid)
        shown.update({k: v.tobytes() for k, v in made.items()})
        shown["nulls"] = np.where(valid, made["i8"], 0).tobytes()
        shown["nulls.validity"] = valid.tobytes()
        # A required column has no validity beside it; the others do without by their statistics.
        pq.write_table(pa.table(columns), path, compression=CODECS[seed % len(CODECS)], row_group_size=n // 3 + 1,
                       data_page_size=8192, data_page_version=["1.0", "2.0"][seed % 2], write_page_checksum=True)
        return shown

    WRITERS["parquet"] = write_parquet
except ImportError:
    MISSING.append("pyarrow")

try:
    import h5py

    FILTERS = [{}, {"chunks": True, "compression": "gzip"}, {"chunks": True, "compression": "lzf", "shuffle": True},
               {"chunks": True, "compression": "gzip", "shuffle": True, "fletcher32": True}]

    def write_hdf5(path, seed, n):
        made = arrays(seed, n)
        with h5py.File(path, "w", libver=["earliest", "latest"][seed % 2]) as f:
            for i, (k, v) in enumerate(made.items()):
                f.create_dataset(k, data=v, **FILTERS[(seed + i) % len(FILTERS)]).attrs["seed"] = seed
        return {k: v.tobytes() for k, v in made.items()}

    WRITERS["hdf5"] = write_hdf5
except ImportError:
    MISSING.append("h5py")
