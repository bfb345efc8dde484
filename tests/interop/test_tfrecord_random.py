#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""TFRecord as no writer writes it but every reader has to take it: Examples and SequenceExamples in all the ways in which
Protocol Buffers let them stand, and what is broken around them, at random; what they hold is what Python's library reads."""
import gzip
import os
import random
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import WORK, arrayfs, check, done, folder, listed, need, sampled  # noqa: E402

np, pa = need("numpy", "pyarrow")
from google.protobuf.internal.encoder import _VarintBytes as varint  # noqa: E402
from google.protobuf.message import DecodeError  # noqa: E402
from records_check import compare  # noqa: E402
from records_model import Files  # noqa: E402
from tfrecord_model import LISTS, Example, SequenceExample, feature_column, list_column, record  # noqa: E402

KEYS = ["id", "x", "v/w", "é", "", "a long name " * 18, "data"]
NUMBERS = {"bytes": 1, "float": 2, "int": 3}


# --- as it may stand ---------------------------------------------------------------------------------


def number(rng, n):
    """A varint, now and then longer than it has to be."""
    raw = varint(n)
    return raw if rng.random() < 0.9 or len(raw) > 3 else raw[:-1] + bytes([raw[-1] | 0x80, 0])


def field(rng, n, body):
    return number(rng, n << 3 | 2) + number(rng, len(body)) + body


def varint_of(rng, v):
    return number(rng, v & (1 << 64) - 1)


def values_list(rng, kind, values):
    """Packed, one by one, or some of both."""
    if kind == "bytes":
        return b"".join(field(rng, 1, v) for v in values)
    raw, how = b"", rng.choice(["packed", "single", "both"])
    while values or how == "packed":
        n = len(values) if how == "packed" else rng.randrange(len(values) + 1)
        some, values = values[:n], values[n:]
        if how == "packed" or (how == "both" and rng.random() < 0.5):
            pack = (lambda v: struct.pack("<f", v)) if kind == "float" else (lambda v: varint_of(rng, v))
            raw += field(rng, 1, b"".join(map(pack, some)))
        else:
            raw += b"".join(b"\x0d" + struct.pack("<f", v) if kind == "float" else b"\x08" + varint_of(rng, v) for v in some)
        if how == "packed":
            break
    return raw


def feature(rng, kinds, many):
    if rng.random() < 0.1:
        return b""                                       # of no kind
    kind = rng.choice(kinds)
    n = rng.choice([0, 1, 2, 9, 30]) if many else 1
    one = {"int": lambda: rng.choice([0, 1, -1, 127, 128, 2**53, 2**62 + 1, -2**63, rng.randrange(1 << 20)]) if len(kinds) != 2 else rng.randrange(-999, 999),
           "float": lambda: rng.randrange(-99, 99) / 8 if len(kinds) > 1 else rng.choice([0.0, -0.0, float("inf"), float("nan"), 1e-45, 3.4e38]),
           "bytes": lambda: rng.randbytes(rng.choice([0, 1, 7, 300]))}[kind]
    return field(rng, NUMBERS[kind], values_list(rng, kind, [one() for _ in range(n)]))


def entry(rng, key, value):
    parts = [field(rng, 1, key.encode())] if key or rng.random() < 0.5 else []
    parts += [field(rng, 2, value)] if value or rng.random() < 0.5 else []
    rng.shuffle(parts)
    return field(rng, 1, b"".join(parts))


def message(rng, n, entries):
    """Entries in one message, or in several, which are one."""
    cut = rng.randrange(len(entries) + 1) if rng.random() < 0.2 else len(entries)
    raw = field(rng, n, b"".join(entries[:cut])) if entries or rng.random() < 0.5 else b""
    return raw + (field(rng, n, b"".join(entries[cut:])) if cut < len(entries) else b"")


class Writer:
    """Rows of some columns, of which each has its kinds."""

    def __init__(self, rng, sequence):
        self.rng, self.sequence = rng, sequence
        kinds = [["int"], ["float"], ["bytes"], ["int", "float"], ["int", "float", "bytes"]]
        names = rng.sample(KEYS, rng.randrange(1, 6))
        self.columns = {name: (rng.choice(kinds), rng.random() < 0.5) for name in names}
        self.lists = {name: (rng.choice(kinds), rng.random() < 0.5) for name in rng.sample(KEYS, 2)} if sequence else {}
        self.keys, self.list_keys = [], []               # in the order of the file

    def names(self, of):
        rng = self.rng
        names = [n for n in of if rng.random() < 0.8]
        if rng.random() < 0.5:
            rng.shuffle(names)
        if names and rng.random() < 0.2:
            names.append(rng.choice(names))              # a key that comes again
        return names

    def record(self):
        rng = self.rng
        names = self.names(self.columns)
        self.keys += names
        raw = message(rng, 1, [entry(rng, n, feature(rng, *self.columns[n])) for n in names])
        if self.sequence:
            names = self.names(self.lists)
            self.list_keys += names
            raw += message(rng, 2, [entry(rng, n, b"".join(field(rng, 1, feature(rng, *self.lists[n])) for _ in range(rng.randrange(4)))) for n in names])
        return raw


# --- what the library reads in it ----------------------------------------------------------------------


def read_feature(f):
    kind = f.WhichOneof("kind")
    return kind and ({v: k for k, v in LISTS.items()}[kind], list(getattr(f, kind).value))


def table(keys, list_keys, raws):
    files = Files()
    if list_keys:
        rows = [SequenceExample.FromString(raw) for raw in raws]
        maps = [r.context.feature for r in rows]
    else:
        rows = [Example.FromString(raw) for raw in raws]
        maps = [r.features.feature for r in rows]
    for key in dict.fromkeys(keys):
        feature_column(files, key or "_", [read_feature(m[key]) if key in m else None for m in maps])
    for key in dict.fromkeys(list_keys):
        name = (key or "_") + ("~2" if key in keys else "")
        lists = [[read_feature(f) for f in r.feature_lists.feature_list[key].feature] if key in r.feature_lists.feature_list else None for r in rows]
        list_column(files, name, lists)
        steps = [f for x in lists for f in x or []]
        feature_column(files, f"{name}/values", steps)
        files.validity(name, lists, [True] * len(lists))
    return files


def rows_of(path, *options):
    root = listed(path, *options, inner=True)[0]
    return root["shape"][0], int(root.get("bad_records", 0))


with folder() as where:
    path = where / "t.tfrecord"

    with check("Examples and SequenceExamples in every way in which they may stand, plain and compressed"):
        for i in sampled(range(150)):
            rng = random.Random(i)
            w = Writer(rng, i % 3 == 0)
            raws = [w.record() for _ in range(rng.randrange(1, 12))]
            data = b"".join(map(record, raws))
            name = path
            if i % 5 == 1:
                name = where / "t.tfrecord.gz"
                cut = rng.randrange(len(data))
                data = gzip.compress(data[:cut]) + gzip.compress(data[cut:])
            elif i % 5 == 2:
                name = where / "t.tfrecord.zst"
                data = pa.Codec("zstd").compress(data, asbytes=True)
            name.write_bytes(data)
            compare(name, table(w.keys, w.list_keys, raws), where)

    with check("what is broken, at random: records, lengths, the end; skipped, or not looked at"):
        for i in sampled(range(60)):
            rng = random.Random(1000 + i)
            w = Writer(rng, i % 4 == 0)
            frames, good, bad = [], [], 0
            n = rng.randrange(1, 30)
            last = rng.choice(["whole", "whole", "length", "cut", "head"])
            for _ in range(n):
                keys = len(w.keys), len(w.list_keys)
                raw = rng.choice([w.record, w.record, w.record, lambda: b""])()
                frame = bytearray(record(raw))
                if rng.random() < 0.15:
                    frame[-1 - rng.randrange(4)] ^= 1 << rng.randrange(8)   # in the checksum, so that the bytes are those of an Example
                    bad += 1
                    del w.keys[keys[0]:], w.list_keys[keys[1]:]
                else:
                    good.append(raw)
                frames.append(bytes(frame))
            keys = list(w.keys), list(w.list_keys)
            more = bytearray(record(w.record()))
            if last == "length":
                more[rng.randrange(12)] ^= 1 << rng.randrange(8)
                frames.append(bytes(more) + record(w.record()) * rng.randrange(3))   # nothing behind it is read
            elif last != "whole":
                frames.append(bytes(more[:rng.randrange(1, 12) if last == "head" else rng.randrange(12, len(more))]))
            path.write_bytes(b"".join(frames))
            if bad or last != "whole":
                told = arrayfs("--list", path, code=1).stderr.decode()
                assert told.count("\n") == 1 and "record " in told, told
            compare(path, table(*keys, good), where, "-o", "bad-records=skip")
            found = rows_of(path, "-o", "bad-records=skip")
            assert found == (len(good), bad + (last != "whole")), (found, last, bad)
            if last == "whole":
                raws = [f[12:-4] for f in frames]
                assert rows_of(path, "-o", "verify=no") == (n, 0)
                if not bad:
                    compare(path, table(*keys, raws), where, "-o", "verify=no")

    read = 0   # without NaN, of which Python does not keep the bits
    with check("bytes at random are an Example where the library takes them for one that has nothing else, and else a record of bytes"):
        for i in sampled(range(150)):
            rng = random.Random(2000 + i)
            w = Writer(rng, i % 3 == 0)
            raw = bytearray(w.record() or b"\x0a\x00")
            for _ in range(rng.choice([1, 1, 2])):
                at = rng.randrange(len(raw))
                raw[at:at + 1] = rng.choice([rng.randbytes(rng.randrange(1, 3)), *[bytes([raw[at] ^ 1 << rng.randrange(8)])] * 3])
            raw = bytes(raw)
            path.write_bytes(record(raw))
            columns = [o["path"] for o in listed(path, inner=True) if o["path"]]
            try:
                m = SequenceExample.FromString(raw)
            except DecodeError:
                assert arrayfs("--cat", path, "data/values").stdout == raw, columns
                continue
            keys, list_keys = set(m.context.feature), set(m.feature_lists.feature_list)
            if "nan" not in str(m) and columns != ["data", "data/offsets", "data/values"] and keys <= set(KEYS) and list_keys <= set(KEYS):
                compare(path, table(sorted(keys, key=lambda k: columns.index(k or "_")),
                                    sorted(list_keys, key=lambda k: columns.index((k or "_") + ("~2" if k in keys else ""))), [raw]), where)
                read += 1
        assert read > 10 or WORK < 1, f"{read} read"

    with check("records of more features than are remembered at a time"):
        rng = random.Random(1)
        for twice in (False, True):
            w = Writer(rng, False)
            names = [f"f{i:03}" for i in range(600)]
            raws = []
            for r in range(5):
                rng.shuffle(names)
                some = names[:rng.choice([500, 512, 513, 600])] + names[:20] * (twice and r == 3)
                raws.append(message(rng, 1, [entry(rng, n, feature(rng, ["int"], n < "f100")) for n in some]))
                w.keys += some
            path.write_bytes(b"".join(map(record, raws)))
            compare(path, table(w.keys, [], raws), where)

    with check("few records, and none"):
        for raws in ([], [b""], [b""] * 3, [b"\x0a\x00"]):
            path.write_bytes(b"".join(map(record, raws)))
            compare(path, Files(), where)
            assert rows_of(path) == (len(raws), 0)

done()
