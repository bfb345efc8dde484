#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`.arrayfs/text` of strings: every line, by the values that pyarrow and h5py read, and any part of the file."""
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import arrayfs, check, done, folder, need, sampled  # noqa: E402

np, pa, pq, h5py, polars = need("numpy", "pyarrow", "pyarrow.parquet", "h5py", "polars")
import pyarrow.feather  # noqa: E402

ESCAPES = {10: b"\\n", 9: b"\\t", 13: b"\\r", 92: b"\\\\"}
TEXTS = [b"", b"a", "é中".encode(), b"tab\t", b"line\nbreak", b"cr\r", b"\\", b"\\N", b"\x00\x1f\x7f", b"plain words", b"x" * 300]


def line(value):
    if value is None:
        return b"\\N\n"
    value = value.encode() if isinstance(value, str) else value
    return b"".join(ESCAPES.get(c) or (b"\\x%02x" % c if c < 32 or c == 127 else bytes([c])) for c in value) + b"\n"


def text(source, path, *options):
    return arrayfs("--cat", source, f".arrayfs/text/{path}.txt", *options).stdout


def strings(rng, n, nulls, odd):
    pool = TEXTS if odd else [t for t in TEXTS if line(t) == t + b"\n"]
    return [None if rng.random() < nulls else rng.choice(pool) for _ in range(n)]


with folder() as where:
    with check("columns of Parquet and Arrow, with nulls and without, odd and plain"):
        for i in sampled(range(16)):
            rng = random.Random(i)
            values = strings(rng, rng.choice([0, 1, 500, 70_000]), rng.choice([0, 0.2]), i % 2)
            binary = rng.random() < 0.3
            table = pa.table({"s": pa.array(values, pa.binary()) if binary else pa.array([None if v is None else v.decode() for v in values], pa.string())})
            pq.write_table(table, where / "t.parquet", row_group_size=9000, compression=rng.choice(["none", "zstd"]), use_dictionary=rng.random() < 0.5)
            pyarrow.feather.write_feather(table, str(where / "t.arrow"), compression=rng.choice(["lz4", "uncompressed"]))
            wanted = b"".join(map(line, values))
            for name in ("t.parquet", "t.arrow"):
                assert text(where / name, "s") == wanted, (i, name)
            assert text(where / "t.parquet", "s", "-o", "threads=5,cache=4M") == wanted

    with check("bytes that are not UTF-8 stay as they are"):
        pq.write_table(pa.table({"b": pa.array([b"\xff\xfe", b"\xc3"])}), where / "b.parquet")
        assert text(where / "b.parquet", "b") == b"\xff\xfe\n\xc3\n"

    with check("strings in lists, in structs, of HDF5, and of records"):
        table = pa.table({"l": pa.array([["a", None], [], ["b\n"]]), "st": pa.array([{"s": "x"}, None, {"s": None}])})
        pq.write_table(table, where / "n.parquet")
        assert text(where / "n.parquet", "l/values") == b"a\n\\N\nb\\n\n"
        assert text(where / "n.parquet", "st/s") == b"x\n\\N\n\\N\n"
        with h5py.File(where / "v.h5", "w") as f:
            f.create_dataset("s", data=["one", "", "two\t"], dtype=h5py.string_dtype())
        assert text(where / "v.h5", "s") == b"one\n\ntwo\\t\n"
        (where / "r.jsonl").write_text('{"s":"a\\nb"}\n{"s":null}\n{"s":""}\n')
        assert text(where / "r.jsonl", "s") == b"a\\nb\n\\N\n\n"

    with check("dictionaries have their words' lines"):
        pyarrow.feather.write_feather(pa.table({"d": pa.array(["x", "y", "x"]).dictionary_encode()}), str(where / "d.arrow"))
        assert text(where / "d.arrow", "d/dictionary") == b"x\ny\n"

    with check("numbers have no such file, and neither has a list"):
        arrayfs("--cat", where / "n.parquet", ".arrayfs/text/l.txt", code=1)

done()
