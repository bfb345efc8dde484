#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""TFRecord: features of tf.train.Example and SequenceExample, written by Python's protobuf library from their definition and
framed with google_crc32c; every byte is compared.  Files that TensorFlow wrote are in tests/data/tfrecord."""
import gzip
import os
import random
import struct
import sys
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import arrayfs, check, done, folder, listed, need, sampled  # noqa: E402

np, = need("numpy")
from records_check import compare  # noqa: E402
from records_model import Files  # noqa: E402
from tfrecord_model import Example, SequenceExample, example, feature_column, list_column, record, set_feature  # noqa: E402


def one(rng, kind):
    return {"int": rng.choice([0, -1, 2**62, 2**53 + 1, rng.randrange(-99, 99)]), "float": rng.randrange(-99, 99) / 8,
            "bytes": rng.choice([b"", b"x", b"\xff\0", b"y" * 50])}[kind]


def expected(rows):
    files = Files()
    for name in dict.fromkeys(k for row in rows for k in row):
        feature_column(files, name, [row.get(name) for row in rows])
    return files


def random_row(rng, fields):
    row = {}
    for name, (kind, many) in fields.items():
        if rng.random() < 0.9:
            k = rng.choice(["int", "float", "bytes"]) if kind == "mix" else rng.choice(["int", "float"]) if kind == "numbers" else kind
            row[name] = None if rng.random() < 0.05 else (k, [one(rng, k) for _ in range(rng.randrange(1, 5) if many else 1)])
    return row


with folder() as where:
    path = where / "t.tfrecord"

    with check("Examples at random are what the rules say"):
        for i in sampled(range(120)):
            rng = random.Random(i)
            fields = {name: (rng.choice(["int", "float", "bytes", "mix", "numbers"]), rng.random() < 0.4) for name in rng.sample(["id", "é", "v/w", "tags"], 3)}
            rows = [random_row(rng, fields) for _ in range(rng.randrange(1, 20))]
            path.write_bytes(b"".join(record(example(row)) for row in rows))
            compare(path, expected(rows), where)

    with check("long files, read by several threads in several spans, also behind gzip"):
        rng = random.Random(3)
        rows = [{"id": ("int", [i]), "v": ("float", [i / 4] * rng.randrange(60)), "s": ("bytes", [b"x" * rng.randrange(200)])} for i in range(12_000)]
        path.write_bytes(b"".join(record(example(row)) for row in rows))
        files = expected(rows)
        for more in ([], ["-o", "threads=1"], ["-o", "threads=5,cache=8M"]):
            compare(path, files, where, *more)
        (where / "t.tfrecord.gz").write_bytes(gzip.compress(path.read_bytes(), 1))
        compare(where / "t.tfrecord.gz", files, where)

    with check("values one by one as well as packed, and a feature that comes twice"):
        f = b"\x1a\x04\x08\x05\x08\x06"                      # int64_list {value: 5, value: 6}, unpacked
        entry = b"\x0a\x01a\x12" + bytes([len(f)]) + f
        raw = b"\x0a" + bytes([len(entry) + 2]) + b"\x0a" + bytes([len(entry)]) + entry
        path.write_bytes(record(example({"a": ("int", [1])}) + raw) + record(raw))
        assert (np.frombuffer(arrayfs("--cat", path, "a/values").stdout, "<i8") == [5, 6, 5, 6]).all()

    with check("SequenceExamples: context, then lists"):
        rows = []
        for i in range(40):
            s = SequenceExample()
            set_feature(s.context.feature["id"], ("int", [i]))
            for j in range(i % 4):
                set_feature(s.feature_lists.feature_list["steps"].feature.add(), ("float", [j, 1]))
                set_feature(s.feature_lists.feature_list["id"].feature.add(), ("int", [j]))
            rows.append(s)
        path.write_bytes(b"".join(record(s.SerializeToString()) for s in rows))
        files = Files()
        feature_column(files, "id", [("int", [i]) for i in range(40)])
        there = [i % 4 > 0 for i in range(40)]
        for name in ("steps", "id"):
            shown = name if name == "steps" else "id~2"
            lists = [list(range(i % 4)) for i in range(40)]
            list_column(files, shown, lists)
            features = [("float", [j, 1]) if name == "steps" else ("int", [j]) for x in lists for j in x]
            feature_column(files, f"{shown}/values", features)
            files.add(f"{shown}.validity", "bool", [40], bytes(there))
        told = {o["path"]: o for o in listed(path, inner=True)}
        assert [p for p in told if p and "/" not in p and "." not in p][0] == "id", told.keys()
        for p, (dtype, shape, data) in files.items():
            assert (told[p]["dtype"], told[p]["shape"]) == (dtype, shape), (p, told[p])
            assert data is None or arrayfs("--cat", path, p).stdout == data, p

    with check("other records are bytes, and so are these with one that is no Example"):
        for raws in ([b"hello", b"", b"\xff" * 9], [example({"a": ("int", [1])}), b"\x08\x01"]):
            path.write_bytes(b"".join(map(record, raws)))
            files = Files()
            files.texts("data", "bytes", raws)
            compare(path, files, where)

    with check("what is broken is told by its record, or left out"):
        good = [record(example({"a": ("int", [i])})) for i in range(4)]
        flipped = bytearray(good[2])
        flipped[14] ^= 1
        path.write_bytes(b"".join([good[0], good[1], bytes(flipped), good[3]]))
        assert b"record 3: its checksum" in arrayfs("--list", path, code=1).stderr
        assert listed(path, "-o", "bad-records=skip", inner=True)[0]["shape"] == [3]
        assert listed(path, "-o", "verify=no", inner=True)[0]["shape"] == [4]
        length = bytearray(good[2])
        length[0] ^= 1
        path.write_bytes(b"".join([good[0], good[1], bytes(length), good[3]]))
        assert b"record 3: its length" in arrayfs("--list", path, code=1).stderr
        assert listed(path, "-o", "bad-records=skip", inner=True)[0]["shape"] == [2]
        for cut in (1, 5, len(good[3]) - 1):
            path.write_bytes(b"".join(good)[:-cut])
            assert b"record 4: the file ends within it" in arrayfs("--list", path, code=1).stderr
            assert listed(path, "-o", "bad-records=skip", inner=True)[0]["shape"] == [3]

    with check("lists without values say what they are only where no other has any, whichever thread reads them"):
        def row(kind, values, length):
            return record(example({"m": (kind, values), "p": ("bytes", [b"x" * length])}))
        full, empty = row("int", [1], 1001), row("bytes", [], 1004)
        assert len(full) == len(empty)
        span = -(-(1 << 20) // len(full))
        for raw in (full * span + empty * span, empty * span + full * span * 2):
            path.write_bytes(raw)
            for i in range(8):
                told = {o["path"]: o for o in listed(path, "-o", f"threads={1 + i % 3}", inner=True)}
                assert told["m/values"]["dtype"] == "int64", told["m/values"]
        path.write_bytes(record(example({"i": ("int", []), "f": ("float", []), "b": ("bytes", []), "n": None})))
        told = {o["path"]: o for o in listed(path, inner=True)}
        assert [told[p]["dtype"] for p in ("i/values", "f/values", "b/values", "n")] == ["int64", "float32", "bytes", "null"], told

    with check("a feature list of several kinds is JSON text"):
        s = SequenceExample()
        for values in (("int", [1]), ("bytes", [b"xy"]), ("float", [0.1])):
            set_feature(s.feature_lists.feature_list["s"].feature.add(), values)
        path.write_bytes(record(s.SerializeToString()) * 3)
        assert arrayfs("--cat", path, "s/values/values").stdout == b'1"eHk="0.1' * 3

    with check("a varint of over ten bytes is none, and its record no Example"):
        f = b"\x1a\x0d\x0a\x0b" + b"\xff" * 10 + b"\x01"
        entry = b"\x0a\x01a\x12" + bytes([len(f)]) + f
        raw = b"\x0a" + bytes([len(entry) + 2]) + b"\x0a" + bytes([len(entry)]) + entry
        path.write_bytes(record(example({"a": ("int", [1])})) + record(raw))
        assert arrayfs("--cat", path, "data/values").stdout == example({"a": ("int", [1])}) + raw

    with check("of keys that come again the last counts, however many there are"):
        many = [Example() for _ in range(20_000)]
        for i, e in enumerate(many):
            e.features.feature[f"k{i}"].int64_list.value.append(1)
        again = example({"z": ("int", [2])}) * 40_000 + example({"k7": ("float", [0.5])})
        path.write_bytes(record(b"".join(e.SerializeToString() for e in many) + again))
        assert arrayfs("--cat", path, "k7", timeout=20).stdout == struct.pack("<f", 0.5)

    with check("behind a length that is wrong nothing is decoded"):
        one = record(example({"p": ("bytes", [bytes(100_000)])}))
        c = zlib.compressobj(1, zlib.DEFLATED, 31)
        raw = c.compress(one * 10 + bytes([one[0] ^ 1]) + one[1:]) + b"".join(c.compress(one * 100) for _ in range(20)) + c.flush()
        (where / "t.tfrecord.gz").write_bytes(raw)
        assert b"record 11: its length" in arrayfs("--list", where / "t.tfrecord.gz", code=1).stderr
        assert listed(where / "t.tfrecord.gz", "-o", "bad-records=skip", inner=True)[0]["shape"] == [10]

    with check("a ZLIB stream is told, and names that only look like shards are not"):
        path.write_bytes(zlib.compress(b"".join(good)))
        assert b'record 1: a ZLIB stream, which is not read; TFRecordOptions("GZIP") is' in arrayfs("--list", path, code=1).stderr
        for name in ("t.tfrecord-notes.txt", "t.tfrecord-00000-of-", "t.tfrecord--of-00001", "00000-of-00001"):
            (where / name).write_bytes(b"text")
            assert b"not an archive of a format" in arrayfs("--list", where / name, code=1).stderr, name

    with check("found by content, and by the names of shards"):
        (where / "plain").write_bytes(b"".join(good))
        assert listed(where / "plain", inner=True)[0]["format"] == "tfrecord"
        (where / "train.tfrecord-00000-of-00002").write_bytes(b"".join(good))
        assert listed(where / "train.tfrecord-00000-of-00002", inner=True)[0]["format"] == "tfrecord"

done()
