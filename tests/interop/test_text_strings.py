#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`.arrayfs/text` of strings: every line, by the values that the libraries read themselves, and any part of the file."""
import concurrent.futures
import csv
import json
import os
import random
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import arrayfs, check, done, folder, mounted, need, sampled  # noqa: E402

np, pa, pq, h5py, polars, duckdb, msgpack, gguf = need("numpy", "pyarrow", "pyarrow.parquet", "h5py", "polars", "duckdb", "msgpack", "gguf")
import pyarrow.feather  # noqa: E402

ESCAPES = {c: b"\\x%02x" % c for c in [*range(32), 127]} | {10: b"\\n", 9: b"\\t", 13: b"\\r", 92: b"\\\\"}
TEXTS = [b"", b"a", "é中".encode(), b"tab\t", b"line\nbreak", b"cr\r", b"\\", b"\\N", b"\x00\x1f\x7f", b"plain words", b"x" * 300]
ODD = ["a", None, "", "é\n", "x" * 40, "\\N", None, "0123456789ab", "\x01\x7f"] * 40


def line(value):
    if value is None:
        return b"\\N\n"
    value = value.encode() if isinstance(value, str) else value
    return re.sub(rb"[\x00-\x1f\x7f\\]", lambda m: ESCAPES[m[0][0]], value) + b"\n"


def lines(values):
    return b"".join(map(line, values))


def text(source, path, *options):
    return arrayfs("--cat", source, f".arrayfs/text/{path}.txt", *options).stdout


def same(source, path, values, *options):
    ours, wanted = text(source, path, *options), lines(values)
    if ours != wanted:
        at = next((i for i, (a, b) in enumerate(zip(ours, wanted)) if a != b), min(len(ours), len(wanted)))
        raise AssertionError(f"{source.name} {path}: {ours[at:at + 40]} for {wanted[at:at + 40]} at {at} of {len(wanted)}")


def strings(rng, n, nulls, odd):
    pool = TEXTS if odd else [t for t in TEXTS if line(t) == t + b"\n"]
    return [None if rng.random() < nulls else rng.choice(pool) for _ in range(n)]


def write_arrow(table, path, **options):
    with pa.OSFile(str(path), "wb") as f, pa.ipc.new_file(f, table.schema, **options) as w:
        w.write_table(table, max_chunksize=100)


def encoded(values):
    return [v.encode() if isinstance(v, str) else v for v in values]


def read_anywhere(path, wanted, seed, parts):
    """Some parts of the file, and all of it: what is wrong, or None."""
    rng = random.Random(seed)
    if os.stat(path).st_size != len(wanted):
        return f"size {os.stat(path).st_size}, not {len(wanted)}"
    fd = os.open(path, os.O_RDONLY)
    for i in range(parts):
        at, n = rng.randrange(len(wanted) + 100), rng.choice([1, 100, 5000, 131072, 1 << 20])
        if os.pread(fd, n, at) != wanted[at:at + n]:
            return f"{n} bytes at {at}"
    os.close(fd)
    with open(path, "rb") as f:
        return None if f.read() == wanted else "all of it"


with folder() as where:
    with check("columns of Parquet and Arrow, with nulls and without, odd and plain"):
        for i in sampled(range(12)):
            rng = random.Random(i)
            values = strings(rng, rng.choice([0, 1, 500, 70_000]), rng.choice([0, 0.2]), i % 2)
            binary = rng.random() < 0.3
            table = pa.table({"s": pa.array(values, pa.binary()) if binary else pa.array([None if v is None else v.decode() for v in values], pa.string())})
            pq.write_table(table, where / "t.parquet", row_group_size=9000, compression=rng.choice(["none", "zstd"]), use_dictionary=rng.random() < 0.5)
            pyarrow.feather.write_feather(table, str(where / "t.arrow"), compression=rng.choice(["lz4", "uncompressed"]))
            for name in ("t.parquet", "t.arrow"):
                same(where / name, "s", values)
            same(where / "t.parquet", "s", values, "-o", "threads=5,cache=4M")

    with check("pages of Parquet of any kind, version and encoding"):
        table = pa.table({"s": pa.array(ODD)})
        pages = [{"version": version, "data_page_version": page, "use_dictionary": words} for version, page in (("1.0", "1.0"), ("2.6", "1.0"), ("2.6", "2.0"))
                 for words in (True, False)]
        pages += [{"use_dictionary": False, "column_encoding": {"s": how}} for how in ("DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY")]
        for options in sampled(pages):
            pq.write_table(table, where / "p.parquet", row_group_size=130, data_page_size=64, **options)
            same(where / "p.parquet", "s", ODD)

    with check("no rows, one, only nulls, and only empty strings"):
        for values in ([], ["q"], [None], [None] * 1000, [""] * 1000):
            table = pa.table({"s": pa.array(values, pa.string())})
            pq.write_table(table, where / "1.parquet", row_group_size=300, data_page_version="1.0", use_dictionary=False)
            pq.write_table(table, where / "2.parquet", data_page_version="2.0")
            pyarrow.feather.write_feather(table, str(where / "1.arrow"))
            polars.DataFrame({"s": polars.Series(values, dtype=polars.String)}).write_parquet(where / "3.parquet")
            for name in sampled(["1.parquet", "2.parquet", "3.parquet", "1.arrow"]):
                same(where / name, "s", values)

    with check("strings, large strings, views and binary of Arrow, by pyarrow and polars"):
        for kind in (pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view()):
            write_arrow(pa.table({"s": pa.array(encoded(ODD) if "binary" in str(kind) else ODD, kind)}), where / "k.arrow")
            same(where / "k.arrow", "s", ODD)
        frame = polars.DataFrame({"s": polars.Series(ODD, dtype=polars.String), "b": polars.Series(encoded(ODD), dtype=polars.Binary)})
        for level in (polars.CompatLevel.newest(), polars.CompatLevel.oldest()):
            frame.write_ipc(where / "f.arrow", compression="lz4", compat_level=level)
            same(where / "f.arrow", "s", ODD)
            same(where / "f.arrow", "b", ODD)
        frame.write_parquet(where / "f.parquet")
        same(where / "f.parquet", "b", ODD)
        duckdb.sql(f"copy (select * from '{where}/f.parquet') to '{where}/d.parquet'")
        same(where / "d.parquet", "s", ODD)

    with check("what a null hides is not shown"):
        hidden = pa.StringArray.from_buffers(3, pa.py_buffer(np.array([0, 5, 10, 12], "i4")), pa.py_buffer(b"helloworld\n\n"), pa.py_buffer(b"\5"))
        assert hidden.to_pylist() == ["hello", None, "\n\n"]
        write_arrow(pa.table({"s": hidden}), where / "h.arrow")
        same(where / "h.arrow", "s", hidden.to_pylist())

    with check("bytes that are not UTF-8 stay as they are"):
        pq.write_table(pa.table({"b": pa.array([b"\xff\xfe", b"\xc3"])}), where / "b.parquet")
        assert text(where / "b.parquet", "b") == b"\xff\xfe\n\xc3\n"

    with check("strings in lists, maps, structs and lists of fixed length"):
        lists, deep = [["a", None], None, [], ["b\n", ""]] * 100, [[["a"], [None, "b"]], [[]], None] * 30
        maps, structs = [[("k", "v"), ("k2", None)], [], None] * 100, [{"s": "x"}, None, {"s": None}, {"s": "\\"}] * 100
        fixed = [["a", None], ["b", "c\n"], None, ["", "d"]] * 30
        table = pa.table({"l": pa.array(lists[:90]), "d": pa.array(deep), "m": pa.array(maps[:90], pa.map_(pa.string(), pa.string())), "st": pa.array(structs[:90])})
        wanted = {"l/values": [v for x in lists[:90] if x for v in x], "d/values/values": [v for x in deep if x for y in x for v in y],
                  "m/values/key": [k for x in maps[:90] if x for k, _ in x], "m/values/value": [v for x in maps[:90] if x for _, v in x],
                  "st/s": [x and x["s"] for x in structs[:90]]}
        write_arrow(table, where / "n.arrow")
        pq.write_table(table, where / "n.parquet", row_group_size=70)
        for path, values in sampled(wanted.items()):
            same(where / "n.arrow", path, values)
            same(where / "n.parquet", path, values)
        write_arrow(pa.table({"f": pa.array(fixed, pa.list_(pa.string(), 2))}), where / "x.arrow")
        same(where / "x.arrow", "f", [v for x in fixed for v in x or [None, None]])

    with check("dictionaries have their words' lines, and their rows in Parquet"):
        words = pa.array(ODD).dictionary_encode()
        pyarrow.feather.write_feather(pa.table({"d": words}), str(where / "d.arrow"))
        same(where / "d.arrow", "d/dictionary", words.dictionary.to_pylist())
        pq.write_table(pa.table({"d": words}), where / "w.parquet")
        same(where / "w.parquet", "d", ODD)

    with check("strings of HDF5"):
        with h5py.File(where / "v.h5", "w") as f:
            text_type = h5py.string_dtype()
            f.create_dataset("s", data=["one", "", "two\t"], dtype=text_type)
            f.create_dataset("c", data=np.array([f"x{i}\n" for i in range(3000)], object), dtype=text_type, chunks=(100,), compression="gzip")
            f.create_dataset("m", data=np.array([["a", "b"], ["c", "é"]], object), dtype=text_type)
            f.create_dataset("z", shape=(3,), dtype=text_type)
            f.create_dataset("none", shape=(0,), dtype=text_type)
            f.create_dataset("one", data="scalar\n", dtype=text_type)
            f.create_dataset("r", data=np.array([(1, "q"), (2, "w\n")], [("i", "i4"), ("s", text_type)]))
        with h5py.File(where / "v.h5") as f:
            for name in ("s", "c", "m", "z", "none"):
                same(where / "v.h5", name, list(f[name][()].ravel()))
            same(where / "v.h5", "one", [f["one"][()]])
            same(where / "v.h5", "r/s", list(f["r"]["s"]))

    with check("strings of JSON lines, CSV and MessagePack"):
        (where / "r.jsonl").write_text("".join(json.dumps({"s": v, "l": [v, "z"]}) + "\n" for v in ODD))
        same(where / "r.jsonl", "s", ODD)
        same(where / "r.jsonl", "l/values", [w for v in ODD for w in (v, "z")])
        with open(where / "r.csv", "w", newline="", encoding="utf-8") as f:
            csv.writer(f, quoting=csv.QUOTE_ALL).writerows([["s"], *([v or "x"] for v in ODD)])
        same(where / "r.csv", "s", [v or "x" for v in ODD])
        (where / "r.msgpack").write_bytes(b"".join(msgpack.packb({"s": v, "b": b}) for v, b in zip(ODD, encoded(ODD))))
        same(where / "r.msgpack", "s", ODD)
        same(where / "r.msgpack", "b", ODD)

    with check("the vocabulary of a GGUF file"):
        w = gguf.GGUFWriter(where / "v.gguf", "llama")
        vocabulary = ["<s>", "\n", "▁the", "\\", "<0x0A>", ""] * 50
        w.add_token_list(vocabulary)
        w.write_header_to_file()
        w.write_kv_data_to_file()
        w.close()
        found = [o for o in arrayfs("--list", "--long", where / "v.gguf").stdout.decode().split() if "tokens" in o]
        assert found, arrayfs("--list", "--long", where / "v.gguf").stdout
        same(where / "v.gguf", found[0].partition("/offsets")[0].partition("/values")[0].rstrip("/"), vocabulary)

    with check("strings of any length, few and many, in little memory"):
        rng = random.Random(3)
        part = rng.randbytes(999_999).translate(bytes(range(256)), bytes([*range(32), 92, 127])) + b"\0"
        long = [b"a", part * 80, None, b"\n" * (1 << 20), b"z"]
        assert len(long[1]) > 66 << 20
        uneven = [b"x"] * 70_000 + [part * n for n in (1, 2, 3)] + [b""] * 70_000 + [None] * 70_000 + [b"\n" * (2 << 20)]
        for values, options in sampled([(long, "cache=8M"), (uneven, "threads=3")]):
            pyarrow.feather.write_feather(pa.table({"s": pa.array(values, pa.large_binary())}), str(where / "u.arrow"), compression="uncompressed")
            same(where / "u.arrow", "s", values, "-o", options)

    with check("any part of it through a mount, by several readers"):
        rng = random.Random(8)
        values = strings(rng, 100_000, 0.1, True) + [part * 3, b"\n" * (1 << 20)] + strings(rng, 1000, 0.1, True)
        wanted = lines(values)
        table = pa.table({"s": pa.array(values, pa.binary())})
        pq.write_table(table, where / "m.parquet", row_group_size=40_000, compression="snappy")
        pyarrow.feather.write_feather(table, str(where / "m.arrow"), compression="lz4")
        for name, options in sampled([("m.parquet", "threads=2,cache=32M"), ("m.arrow", "threads=4,cache=48M"), ("m.parquet", "threads=3")]):
            with mounted(where / name, "-o", options) as m, concurrent.futures.ThreadPoolExecutor(4) as readers:
                path = m / ".arrayfs/text/s.txt"
                faults = list(readers.map(lambda seed, path=path: read_anywhere(path, wanted, seed, 25), range(4)))
                assert faults == [None] * 4, faults

    with check("a column of which a page is broken is no empty file"):
        pq.write_table(pa.table({"s": pa.array([f"row {i}" for i in range(50_000)])}), where / "x.parquet", use_dictionary=False, row_group_size=10_000,
                       compression="none", write_page_checksum=True)
        chunk = pq.ParquetFile(where / "x.parquet").metadata.row_group(3).column(0)
        with open(where / "x.parquet", "r+b") as f:
            f.seek(chunk.data_page_offset + chunk.total_compressed_size // 2)
            f.write(b"\xff" * 20)
        told = arrayfs("--cat", where / "x.parquet", ".arrayfs/text/s.txt", code=1)
        assert b"checksum" in told.stderr and lines(f"row {i}" for i in range(30_000)).startswith(told.stdout), told.stderr
        with mounted(where / "x.parquet") as m:
            try:
                (m / ".arrayfs/text/s.txt").read_bytes()
                raise AssertionError("it was read")
            except OSError:
                pass

    with check("numbers have no such file, and neither has a list"):
        arrayfs("--cat", where / "n.parquet", ".arrayfs/text/l.txt", code=1)

done()
