#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Arrow IPC files and streams, compared with what pyarrow decodes of them: names, types,
shapes, attributes and every byte, read whole and in pieces."""
import contextlib
import glob
import importlib
import itertools
import json
import os
import random
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import WORK, arrayfs, check, comment, done, folder, listed, need, need_mounts, others, sampled  # noqa: E402

np, pa, pl, duckdb, pd = need("numpy", "pyarrow", "polars", "duckdb", "pandas")
import arrow_bad  # noqa: E402
import arrow_big  # noqa: E402
import arrow_model  # noqa: E402
import arrow_random  # noqa: E402

DATA = os.environ.get("TEST_DATA") or os.path.dirname(os.path.abspath(__file__)) + "/../data"
SEEDS = (1, 2)
TABLES = max(1, round(30 * WORK))     # of each seed


# --- comparing ----------------------------------------------------------------

def extracted(path, dest, whole=True):
    """All files, and what was said; not whole: some cannot be shown; None: perhaps."""
    p = arrayfs("--extract", "--force", path, dest, code=None)
    assert p.returncode in ((0, 1) if whole is None else (0,) if whole else (1,)), f"{path}: extract returned {p.returncode}: {p.stderr.decode()[:400]}"
    files = {}
    for at, _, names in os.walk(dest):
        for name in names:
            full = os.path.join(at, name)
            with open(full, "rb") as f:
                files[os.path.relpath(full, dest)] = f.read()
    return files, p.stderr.decode()


def below(path, roots):
    return any(path == r or path.startswith((r + "/", r + ".")) for r in roots)


def faults_of(path, broken=(), want=None):
    """What differs from what pyarrow decodes.  broken: columns of which nothing is compared."""
    want = want or arrow_model.shown(path)
    with folder() as dest:
        got, said = extracted(path, dest / "o", not broken)
    told = {o["path"]: o for o in listed(path, inner=True)}
    faults = []
    for p, node in want.nodes.items():
        if below(p, broken) or p in want.optional and p not in told:
            continue
        if p not in told:
            faults.append(f"{p} is missing")
            continue
        faults += [f"{p}: {f}" for f in attribute_faults(told[p], node, want)]
        if node["data"] is None or below(p, want.unknown):
            continue
        if p not in got:
            faults.append(f"{p} was not extracted")
        elif got[p] != node["data"]:
            g, v = got[p], node["data"]
            i = next((i for i in range(min(len(g), len(v))) if g[i] != v[i]), min(len(g), len(v)))
            faults.append(f"{p}: {len(g)} bytes, expected {len(v)}, from byte {i} on: {g[i:i + 12].hex()}, expected {v[i:i + 12].hex()}")
    faults += [f"{p} is not expected" for p in {*told, *got} - {*want.nodes} if not below(p, broken) and not below(p, want.unknown)
               and not any(q.startswith(p + "/") for q in want.nodes)]
    return faults


def attribute_faults(o, node, want):
    if o["path"] == "":
        if o.get("format") != "arrow":
            yield f"format {o.get('format')}"
    else:
        if below(o["path"], want.unknown):
            return
        for word in ("dtype", "shape"):
            if o.get(word) != node[word]:
                yield f"{word} {o.get(word)}, expected {node[word]}"
        if o["kind"] != ("directory" if node["data"] is None else "file"):
            yield f"is a {o['kind']}"
        if node["data"] is not None and o.get("size") != len(node["data"]):
            yield f"size {o.get('size')}, expected {len(node['data'])}"
        if o.get("byteorder") != node.get("byteorder"):
            yield f"byteorder {o.get('byteorder')}, expected {node.get('byteorder')}"
        if "types" in node and None not in node["types"] and o.get("type") not in node["types"]:
            yield f"type {o.get('type')}, expected {sorted(node['types'])}"
        if o.get("codec") not in (None, want.archive.codec, *(want.archive.codecs_of_dictionaries if "/dictionary" in o["path"] else ())):
            yield f"codec {o.get('codec')}, expected {want.archive.codec}"
        alone = node["data"] and "/" not in o["path"] and not o["path"].endswith(".validity")
        if alone and o.get("codec") != want.archive.codec:
            yield f"codec {o.get('codec')}, expected {want.archive.codec}"
        for word in ("ordered", "extension", "extension_metadata"):
            if not node.get("shared") and str(o.get(word) or "").lower() != str(node.get(word) or "").lower():
                yield f"{word} {o.get(word)!r}, expected {node.get(word)!r}"
        if o.get("order", "C") != "C":
            yield f"order {o['order']}"
    if "attributes" in node and (o.get("attributes") or {}) != node["attributes"]:
        yield f"attributes {o.get('attributes')}, expected {node['attributes']}"


def all_same(paths):
    told, count = [], 0
    for path in paths:
        count += 1
        try:
            told += [f"{os.path.basename(path)}: {f}" for f in faults_of(path)[:3]]
        except AssertionError as fault:
            told.append(str(fault))
    assert not told, f"of {count} files: " + "\n".join(told[:24])
    return count


# --- writers ------------------------------------------------------------------

def options():
    """Every way in which pyarrow frames what it writes."""
    v4 = pa.ipc.MetadataVersion.V4
    ways = [{}, {"compression": "lz4"}, {"compression": "zstd"}, {"metadata_version": v4}, {"metadata_version": v4, "use_legacy_format": True}]
    for way in ways:
        try:
            yield way, pa.ipc.IpcWriteOptions(**way)
        except TypeError:
            comment(f"this pyarrow does not write {way}")


def by_pyarrow(path, schema, batches, stream, how):
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(str(path), schema, options=how) as w:
        for b in batches:
            w.write_batch(b)
    return str(path)


def at_random(where, seed):
    """Files and streams of one seed, as they are written; each table in two of the ways."""
    rng, ways = random.Random(seed), list(options())
    for k in range(TABLES):
        made = arrow_random.Random(1000 * seed + k)
        stream = k % 2 == 1
        schema = made.schema()
        batches = made.batches(schema, replace=stream)
        for i, (way, how) in enumerate(rng.sample(ways, 2)):
            path = where / f"{seed}-{k}-{i}.{'arrows' if stream else 'arrow'}"
            try:
                yield by_pyarrow(path, schema, batches, stream, how)
            except pa.ArrowInvalid as fault:
                comment(f"pyarrow does not write {seed} {k} {way}: {str(fault)[:100]}")
            path.unlink(missing_ok=True)


def of_the_other_byte_order(where, seed):
    """Those of the tables at random that pyarrow turns round, streams without compression."""
    for k in range(2 * TABLES):
        made = arrow_random.Random(1000 * seed + 500 + k)
        schema = made.schema()
        path = where / f"{seed}-{k}.arrows"
        by_pyarrow(path, schema, made.batches(schema, replace=True), True, None)
        try:
            path.write_bytes(arrow_big.big_endian(path.read_bytes()))
        except (pa.ArrowNotImplementedError, KeyError):
            continue
        yield str(path)
        path.unlink()


def sample(n=300, seed=5):
    """A table that all writers take."""
    rng = random.Random(seed)
    some = lambda make: [None if rng.random() < .2 else make(i) for i in range(n)]
    return pa.table({
        "i": pa.array(some(lambda i: i * 7919 - 9), pa.int64()), "u": pa.array(some(lambda i: i % 200), pa.uint8()),
        "f": pa.array(some(lambda i: i / 3), pa.float32()), "b": pa.array(some(lambda i: i % 3 == 0), pa.bool_()),
        "s": pa.array(some(lambda i: "größe" * (i % 5)), pa.string()), "y": pa.array(some(lambda i: bytes(range(i % 20))), pa.binary()),
        "l": pa.array(some(lambda i: [None, i, 2][:i % 4]), pa.list_(pa.int32())), "t": pa.array(some(lambda i: {"x": i, "y": "w%d" % i})),
        "d": pa.array(some(lambda i: i * 10 ** 6), pa.timestamp("us")), "c": pa.array(some(lambda i: "word %d" % (i % 7))).dictionary_encode(),
        "k": pa.array(some(lambda i: i), pa.int32()).cast(pa.date32())})


def by_polars(where):
    d = pl.from_arrow(sample())
    d = d.with_columns(pl.Series("cat", ["abc"[i % 3] for i in range(d.height)], dtype=pl.Categorical), pl.Series("arr", [[i, 2] for i in range(d.height)], dtype=pl.Array(pl.Int16, 2)),
                       pl.Series("enum", ["xy"[i % 2] for i in range(d.height)], dtype=pl.Enum(["y", "x", "z"])), pl.Series("wide", [i << 70 for i in range(d.height)], dtype=pl.Int128))
    for codec in ("uncompressed", "lz4", "zstd"):
        for level in ("oldest", "newest"):
            use = d if level == "newest" else d.drop("wide")
            for end, write in (("arrow", use.write_ipc), ("arrows", use.write_ipc_stream)):
                path = str(where / f"polars-{codec}-{level}.{end}")
                write(path, compression=codec, compat_level=getattr(pl.CompatLevel, level)())
                yield path
    path = str(where / "polars-batches.arrow")
    d.write_ipc(path, record_batch_size=64)
    yield path
    path = str(where / "polars-slices.arrows")
    pl.concat([d[:50], d[200:], d[10:11]], rechunk=False).write_ipc_stream(path)
    yield path


def by_duckdb(where):
    r = duckdb.sql("select (range % 100)::tinyint a, range::hugeint % 7 h, interval (range) day iv, case when range % 3 = 0 then null else range::double end d, "
                   "'x' || (range // 1000) s, [range, null] l, {'a': [range]} st, '2020-01-01'::date + range::int dt, map {'k': range} m, (range % 2 = 0) bo, "
                   "('ab'||(range%2))::enum('ab0', 'ab1') e, encode('ab' || range) bl, [1, 2]::int[2] fixed, union_value(x := range) un from range(3000)")
    reader = r.to_arrow_reader(700) if hasattr(r, "to_arrow_reader") else r.fetch_record_batch(700)
    yield by_pyarrow(where / "duckdb.arrows", reader.schema, list(reader), True, None)


def by_pandas(where):
    d = pd.DataFrame({"i": range(500), "s": ["w%d" % (i % 9) for i in range(500)], "c": pd.Categorical(["ab"[i % 2] for i in range(500)]),
                      "t": pd.date_range("2026-01-01", periods=500, tz="UTC"), "n": pd.array([None if i % 3 else i for i in range(500)], "Int64")})
    for codec in ("uncompressed", "lz4", "zstd"):
        path = str(where / f"pandas-{codec}.feather")
        d.to_feather(path, compression=codec, chunksize=200)
        yield path


def by_nanoarrow(where):
    ipc = importlib.import_module("nanoarrow.ipc")
    path = str(where / "nanoarrow.arrows")
    with ipc.StreamWriter.from_path(path) as w:
        w.write_stream(sample().drop_columns(["c"]).combine_chunks())
    yield path


def by_arro3(where):
    io = importlib.import_module("arro3.io")
    for codec in (None, "LZ4", "ZSTD"):
        for end, write in (("arrow", io.write_ipc), ("arrows", io.write_ipc_stream)):
            path = str(where / f"arro3-{codec}.{end}")
            write(sample(), path, compression=codec)
            yield path


def by_datafusion(where):
    datafusion = importlib.import_module("datafusion")
    context = datafusion.SessionContext()
    context.from_arrow(sample(), "t")
    path = str(where / "datafusion.arrow")
    context.sql(f"copy t to '{path}' stored as arrow").collect()
    yield path


def by_datasets(where):
    datasets = importlib.import_module("datasets")
    datasets.disable_progress_bars()
    datasets.Dataset(sample().drop_columns(["c"])).save_to_disk(str(where / "saved"), num_shards=2)
    yield from sorted(glob.glob(str(where / "saved" / "*.arrow")))


# --- reading in pieces ----------------------------------------------------------

@contextlib.contextmanager
def mounted(source):
    need_mounts()
    mnt = f"{source}.mnt"
    arrayfs(source, mnt)
    try:
        yield mnt
    finally:
        subprocess.run(["fusermount3", "-uz", mnt], check=False, capture_output=True)


def pieces_same(path, rng, reads=60):
    want = arrow_model.shown(path)
    faults = faults_of(path, want=want)
    assert not faults, f"{path}: " + "\n".join(faults[:8])
    files = {p: n["data"] for p, n in want.nodes.items() if n["data"] and not below(p, want.unknown) and p not in want.optional}
    with mounted(path) as mnt:
        for p, data in files.items():
            with open(f"{mnt}/{p}", "rb", buffering=0) as f:
                for _ in range(reads):
                    at = rng.randrange(len(data) + 1)
                    n = rng.choice([1, 3, 7, 100, 4097, 70_001])
                    assert os.pread(f.fileno(), n, at) == data[at:at + n], f"{p}: {n} bytes at {at}"


def large(rows=100_000, batches=9):
    """Several batches of every size of buffer, with lists, strings and dictionaries over all of them."""
    rng = np.random.default_rng(3)
    out = []
    for k in range(batches):
        n = rows // batches + k * 13
        mask = rng.random(n) < (.3 if k % 3 else 0)
        words = pa.array([f"word {i}" * (1 + i % 3) for i in range(100 + k)])
        out.append(pa.record_batch({
            "i": pa.array(rng.integers(-9, 9, n)), "n": pa.array(rng.standard_normal(n), mask=mask), "b": pa.array(rng.random(n) < .5, mask=mask),
            "s": words.take(pa.array(rng.integers(0, 100, n), mask=mask)), "v": words.take(pa.array(rng.integers(0, 100, n))).cast(pa.string_view()),
            "l": pa.ListArray.from_arrays(np.arange(n + 1, dtype="i4"), pa.array(rng.integers(0, 99, n), mask=mask)),
            "d": pa.DictionaryArray.from_arrays(pa.array(rng.integers(0, 100, n).astype("u1"), mask=mask), words),
            "t": pa.StructArray.from_arrays([pa.array(rng.integers(0, 9, n).astype("i2"))], ["x"], mask=pa.array(mask))}))
    return out


def views(n=3000, seed=11):
    """String views whose bytes mostly lie behind those of the one before, but also anywhere in
    either of two buffers, in the view itself, or nowhere."""
    rng = random.Random(seed)
    bytes_ = [bytes(rng.choices(b"abcdefgh", k=40_000)) for _ in range(2)]
    made, valid, number, at = bytearray(), bytearray((n + 7) // 8), 0, 0
    for i in range(n):
        kind = rng.random()
        if kind < .05:
            number = 1 - number
        elif kind < .1:
            at = rng.randrange(39_000)
        size = rng.choice([0, 5, 12]) if kind > .8 else rng.randrange(13, 60)
        at = 0 if at + size > 40_000 else at
        one = bytes_[number][at:at + size]
        made += struct.pack("<i12s", size, one) if size <= 12 else struct.pack("<i4sii", size, one[:4], number, at)
        at += size if size > 12 else 0
        valid[i // 8] |= (rng.random() < .9) << i % 8
    for bits, nulls in ((None, 0), (pa.py_buffer(bytes(valid)), -1)):
        column = pa.Array.from_buffers(pa.string_view(), n, [bits, pa.py_buffer(bytes(made)), *map(pa.py_buffer, bytes_)], nulls)
        column.validate(full=True)
        yield pa.record_batch({"v": column})


# --- what breaks the rules --------------------------------------------------------

def bad_faults(path, kind, what, sound):
    """What is wrong with how a bad file is taken; sound: path -> bytes of what it was made of."""
    p = arrayfs("--list", "--json", path, code=None, timeout=20)
    if p.returncode < 0 or b"Sanitizer" in p.stderr:
        yield f"--list ended with {p.returncode}"
        return
    if p.returncode == 1:
        said = p.stderr.decode()
        if kind == arrow_bad.FAULT:
            yield f"refused: {said}"
        if said.count("\n") != 1 or not said.startswith("arrayfs: "):
            yield f"says {said!r}"
        yield from (f"does not say {word}: {said}" for word in what if kind == arrow_bad.REFUSED and word.lower() not in said.lower())
        return
    if kind == arrow_bad.REFUSED:
        yield "is not refused"
        return
    told = [o["path"] for o in map(json.loads, p.stdout.splitlines()) if o["kind"] == "file"]
    column = {w.partition("/")[0] for w in what}
    with folder() as dest:
        got, said = extracted(path, dest / "o", None)
    for name in sorted({*told, *sound}):
        own = "*" in column or below(name, column)
        if name not in told and not own:
            yield f"{name} is missing"
        elif name not in got and not own:
            yield f"{name} cannot be read: {said[:400]}"
        elif name in got and kind == arrow_bad.FAULT and name in what:
            yield f"{name} can be read: {got[name].hex()[:80]}"
        elif name in got and not own and got[name] != sound.get(name):
            yield f"{name} reads as something else"


# --- the checks -----------------------------------------------------------------

with check("every fixture is what pyarrow decodes"):
    found = sorted(p for p in glob.glob(DATA + "/arrow/*") if p.endswith((".arrow", ".arrows", ".feather")))
    assert found, "there are none"
    all_same(found)

for seed in SEEDS:
    with check(f"tables at random, seed {seed}"), folder() as where:
        all_same(at_random(where, seed))

with check("streams of the other byte order"), folder() as where:
    for seed in SEEDS:
        assert all_same(of_the_other_byte_order(where, seed)) > TABLES // 4

with check("integers of 16 bytes are polars' own"), folder() as where:
    wide = [0, 1, -1, None, 1 << 100, -(1 << 127), (1 << 127) - 1]
    pl.DataFrame({"w": pl.Series(wide, dtype=pl.Int128)}).write_ipc(where / "wide.arrow", compression="lz4")
    assert arrayfs("--cat", where / "wide.arrow", "w").stdout == b"".join((w or 0).to_bytes(16, "little", signed=True) for w in wide)
    assert arrayfs("--cat", where / "wide.arrow", "w.validity").stdout == bytes(w is not None for w in wide)

for writer in (by_polars, by_duckdb, by_pandas):
    with check(f"files {writer.__name__.replace('_', ' ')}"), folder() as where:
        all_same(writer(where))

# Those whose fixtures are kept; installed, they are asked for more.
for module, writer in (("nanoarrow", by_nanoarrow), ("arro3.io", by_arro3), ("datafusion", by_datafusion), ("datasets", by_datasets)):
    try:
        importlib.import_module(module)
    except ImportError:
        comment(f"{module} is not installed")
        continue
    with check(f"files {writer.__name__.replace('_', ' ')}"), folder() as where:
        all_same(writer(where))

with check("files that others published"):
    all_same(p for p in others("**/*.arrow*") if p.endswith((".arrow", ".arrows")))

with check("what breaks the rules is refused, or is EIO where it does"), folder() as where:
    arrow_bad.make(where / "bad")
    sound = {p: n["data"] for p, n in arrow_model.shown(arrow_bad.base()).nodes.items() if n["data"] is not None}
    told = []
    for name, (_, kind, what) in arrow_bad.BAD.items():
        told += [f"{name}: {fault}" for fault in bad_faults(where / "bad" / name, kind, what, sound)][:3]
    assert not told, "\n".join(told)

with check("strings next to each other and apart"), folder() as where:
    for k, batch in enumerate(views()):
        for way, how in options():
            path = where / f"views-{k}-{'-'.join(str(v) for v in way.values())}"
            pieces_same(by_pyarrow(path, batch.schema, [batch, batch.slice(7), batch], k, how), random.Random(k))

with check("any piece of a column is that piece"), folder() as where:
    batches = large()
    for stream, (way, how) in sampled(itertools.product((False, True), options())):
        path = where / f"large-{stream}-{'-'.join(str(v) for v in way.values())}"
        try:
            by_pyarrow(path, batches[0].schema, batches, stream, how)
        except pa.ArrowInvalid:     # a file takes no other dictionary
            by_pyarrow(path, batches[0].schema.remove(6), [pa.RecordBatch.from_arrays(b.columns[:6] + b.columns[7:], schema=b.schema.remove(6)) for b in batches], stream, how)
        pieces_same(path, random.Random(7))
        path.unlink()
done()
