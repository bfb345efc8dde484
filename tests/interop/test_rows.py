#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`arrayfs rows`: every value of tables that pyarrow, polars and DuckDB wrote, as csv.reader and json read it back, and as
pyarrow, DuckDB and polars do by their defaults."""
import base64
import contextlib
import csv
import datetime
import decimal
import io
import json
import math
import os
import pathlib
import random
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import ARRAYFS, Skip, arrayfs, check, done, folder, need, sampled  # noqa: E402

np, pa, pq, pc, duckdb, polars = need("numpy", "pyarrow", "pyarrow.parquet", "pyarrow.csv", "duckdb", "polars")
import pyarrow.compute  # noqa: E402
import pyarrow.feather  # noqa: E402
import pyarrow.json  # noqa: E402

UNITS = {"s": (1, 0), "ms": (1000, 3), "us": (10**6, 6), "ns": (10**9, 9)}


def time_text(count, per, digits):
    rest, fraction = divmod(count, per)
    text = f"{rest // 3600:02}:{rest % 3600 // 60:02}:{rest % 60:02}"
    return text + (f".{fraction:0{digits}}" if digits else "")


class Half(float):
    kind = np.float16


class Single(float):
    kind = np.float32


def near(v, text):
    """Does the text read as the number in its own type?"""
    kind = getattr(v, "kind", np.float64)
    return kind(text) == kind(v)


def scalar(v, t):
    """A value that is not null, as JSON has it; text for what is text there."""
    if pa.types.is_boolean(t) or pa.types.is_integer(t):
        return v.as_py()
    if pa.types.is_floating(t):
        return {16: Half, 32: Single, 64: float}[t.bit_width](v.as_py())
    if pa.types.is_decimal(t):
        return decimal.Decimal(v.as_py())
    if pa.types.is_string(t) or pa.types.is_large_string(t) or pa.types.is_string_view(t):
        return v.as_py()
    if pa.types.is_binary(t) or pa.types.is_large_binary(t) or pa.types.is_fixed_size_binary(t) or pa.types.is_binary_view(t):
        return base64.b64encode(v.as_py()).decode()
    if pa.types.is_date32(t):
        return str(np.datetime64(v.value, "D"))  # before year 1 and behind 9999, too
    if pa.types.is_date64(t):
        return str(np.datetime64(v.value, "ms"))
    if pa.types.is_time(t):
        return time_text(v.value, *UNITS[t.unit])
    if pa.types.is_timestamp(t):
        return str(np.datetime64(v.value, t.unit)) + ("Z" if t.tz else "")
    if pa.types.is_duration(t):
        return v.value
    raise AssertionError(t)


def is_list(t):
    return pa.types.is_list(t) or pa.types.is_large_list(t) or pa.types.is_list_view(t) or pa.types.is_large_list_view(t)


def value(v, t):
    if not v.is_valid:
        return None
    if pa.types.is_dictionary(t):
        return value(v.value if hasattr(v, "value") else v, t.value_type)
    if pa.types.is_map(t):
        return [{"key": value(k, t.key_type), "value": value(x, t.item_type)} for k, x in zip(v.values.field(0), v.values.field(1))]
    if pa.types.is_run_end_encoded(t):
        return value(pa.scalar(v.as_py(), t.value_type), t.value_type)
    if is_list(t) or pa.types.is_fixed_size_list(t):
        return [value(e, t.value_type) for e in v.values]
    if pa.types.is_struct(t):
        return {t.field(i).name: value(v[t.field(i).name], t.field(i).type) for i in range(t.num_fields)}
    return scalar(v, t)


def finite(v):
    """NaN and infinities, which JSON has no numbers for, are null."""
    if isinstance(v, float):
        return v if math.isfinite(v) else None
    if isinstance(v, list):
        return [finite(e) for e in v]
    if isinstance(v, dict):
        return {k: finite(e) for k, e in v.items()}
    return v


def same(a, b):
    """Numbers as they are written, which a float32's shortest text need not be for float64."""
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, decimal.Decimal):
        return b is not None and decimal.Decimal(b) == a
    if isinstance(a, float):
        return b is not None and near(a, str(b))
    return a == b and type(a) is type(b)


def cell(text, v, alone):
    """Is the text that of the value?  None is an empty field that is not quoted, which csv.reader does not tell."""
    if v is None:
        return text == ""
    if isinstance(v, bool):
        return text == str(v).lower()
    if isinstance(v, float):
        return text == "NaN" if math.isnan(v) else text in ("inf", "-inf") if math.isinf(v) else near(v, text)
    if isinstance(v, decimal.Decimal):
        return decimal.Decimal(text) == v and ("." in text) == (v.as_tuple().exponent < 0)
    if isinstance(v, (list, dict)):
        return same(finite(v), json.loads(text, parse_float=decimal.Decimal))
    return text == str(v)


def compare(path, table, *options):
    names = table.column_names
    wanted = [[value(v, f.type) for v in table.column(i)] for i, f in enumerate(table.schema)]
    for kind, delimiter in (("--csv", ","), ("--tsv", "\t")):
        out = arrayfs("rows", kind, path, *options).stdout.decode()
        rows = list(csv.reader(io.StringIO(out, newline=""), delimiter=delimiter))
        assert rows[0] == names, f"{path}: {rows[0]}"
        assert len(rows) == table.num_rows + 1, f"{path}: {len(rows)} rows"
        for i, column in enumerate(wanted):
            for r, v in enumerate(column):
                assert cell(rows[r + 1][i], v, len(names) == 1), f"{path}: row {r}: {names[i]}: {rows[r + 1][i]!r} for {v!r}"
    lines = arrayfs("rows", "--jsonl", path, *options).stdout.decode().splitlines()
    assert len(lines) == table.num_rows
    for r, line in enumerate(lines):
        row = json.loads(line, parse_float=decimal.Decimal)
        assert list(row) == names
        for i, name in enumerate(names):
            assert same(finite(wanted[i][r]), row[name]), f"{path}: row {r}: {name}: {row[name]!r} for {wanted[i][r]!r}"


TEXTS = ["", "nul\0in", "\r", "\x7f\U0001f600", "a", "é中", 'say "hi"', "a,b", "tab\t", "line\nbreak", "cr\rlf", "\\N", " pad ", "null", "\x01control", "1", "NaN", "x" * 40]


def random_array(rng, t, n, nulls=0.15):
    def one(t):
        if rng.random() < nulls:
            return None
        if pa.types.is_boolean(t):
            return rng.random() < 0.5
        if pa.types.is_integer(t):
            low, high = (-(1 << t.bit_width - 1), 1 << t.bit_width - 1) if pa.types.is_signed_integer(t) else (0, 1 << t.bit_width)
            return rng.randrange(low, high) if rng.random() < 0.5 else rng.randrange(max(low, -9), 9)
        if pa.types.is_float16(t):
            return np.float16(rng.uniform(-9, 9))
        if pa.types.is_floating(t):
            return rng.choice([rng.uniform(-1e3, 1e3), 0.0, -0.0, 1e300 if t.bit_width == 64 else 1e30, float("nan"), float("inf"), 5e-5, 1.0, 1e16])
        if pa.types.is_decimal(t):
            return decimal.Decimal(rng.randrange(-10**(t.precision - 1), 10**(t.precision - 1))).scaleb(-t.scale, decimal.Context(prec=80))
        if pa.types.is_date32(t):
            return rng.choice([rng.randrange(-2**31, 2**31), rng.randrange(-10**6, 10**6), -1, 0])
        if pa.types.is_date64(t):
            return rng.randrange(-10**6, 10**6) * 86400000
        if pa.types.is_time(t):
            return rng.randrange(86400 * UNITS[t.unit][0])
        if pa.types.is_timestamp(t):
            bits = rng.choice([2**62, 2**33 * UNITS[t.unit][0], 10])
            return rng.randrange(-bits, bits) if t.unit != "s" else rng.randrange(-bits >> 24, bits >> 24)
        if pa.types.is_duration(t):
            return rng.randrange(-10**9, 10**9)
        if pa.types.is_fixed_size_binary(t):
            return rng.randbytes(t.byte_width)
        if pa.types.is_binary(t) or pa.types.is_large_binary(t) or pa.types.is_binary_view(t):
            return rng.randbytes(rng.randrange(6))
        if pa.types.is_map(t):
            return [(one_valid(t.key_type), one(t.item_type)) for _ in range(rng.randrange(3))]
        if pa.types.is_fixed_size_list(t):
            return [one(t.value_type) for _ in range(t.list_size)]
        if is_list(t):
            return [one(t.value_type) for _ in range(rng.randrange(4))]
        if pa.types.is_struct(t):
            return {t.field(i).name: one(t.field(i).type) for i in range(t.num_fields)}
        return one(t.value_type) if pa.types.is_dictionary(t) else rng.choice(TEXTS)

    def one_valid(t):
        while (v := one(t)) is None:
            pass
        return v

    return pa.array([one(t) for _ in range(n)], t)


SIMPLE = [pa.bool_(), pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(), pa.int64(), pa.uint64(), pa.float16(), pa.float32(),
          pa.float64(), pa.decimal128(5, 2), pa.decimal128(38, 10), pa.decimal128(20, 0), pa.decimal256(60, 20), pa.decimal32(9, 2), pa.decimal64(18, 18),
          pa.decimal128(38, 38), pa.decimal128(5, -3), pa.decimal256(76, 76), pa.date32(), pa.date64(), pa.time32("s"), pa.time32("ms"), pa.time64("us"),
          pa.time64("ns"), pa.timestamp("s"), pa.timestamp("ms"), pa.timestamp("us"), pa.timestamp("ns"), pa.timestamp("us", "UTC"), pa.timestamp("s", "UTC"), pa.timestamp("ns", "+01:00"),
          pa.timestamp("ms", "Europe/Berlin"), pa.duration("s"), pa.duration("ms"), pa.duration("us"), pa.duration("ns"),
          pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(5)]


def random_type(rng, depth=0, simple=SIMPLE, parquet=False):
    """Lists of one size, too, of each other and of anything."""
    kinds = ["list", "large", "fixed", "fixed", "struct", "map", "simple", "simple"] + ["view", "dictionary"] * (not parquet)
    kind = rng.choice(kinds) if depth < 3 else "simple"
    inner = lambda: random_type(rng, depth + 1, simple, parquet)  # noqa: E731
    if kind == "list":
        return pa.list_(inner())
    if kind == "large":
        return pa.large_list(inner())
    if kind == "view":
        return rng.choice([pa.list_view, pa.large_list_view])(inner())
    if kind == "fixed":
        return pa.list_(inner(), rng.choice([1, 2, 3]))
    if kind == "struct":
        names = rng.sample(["a", "a/b", "a/c", 'quote"', "new\nline", "back\\slash", "\u00e9", "%41", "x.validity"], rng.randrange(1, 4))
        return pa.struct([(name, inner()) for name in sorted(names, key=lambda name: name == "x.validity")])  # which is shown last
    if kind == "map":
        return pa.map_(rng.choice([pa.string(), pa.int32()]), inner())
    if kind == "dictionary":
        return pa.dictionary(rng.choice([pa.int8(), pa.uint16(), pa.int64()]), rng.choice([pa.string(), pa.int64(), pa.float32()]))
    return rng.choice(simple)


def fits_parquet(t):
    return not (pa.types.is_duration(t) or pa.types.is_date64(t) or pa.types.is_binary_view(t) or pa.types.is_string_view(t) or
                (pa.types.is_timestamp(t) or pa.types.is_time(t)) and t.unit == "s" or pa.types.is_decimal(t) and t.scale < 0)


PARQUET = [t for t in SIMPLE if fits_parquet(t)]


def write_arrow(path, batches, stream=False):
    with pa.OSFile(str(path), "wb") as f, (pa.ipc.new_stream if stream else pa.ipc.new_file)(f, batches[0].schema) as w:
        for batch in batches:
            w.write_batch(batch)


def named(arrays, names, nullable=True):
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema([pa.field(n, a.type, nullable) for n, a in zip(names, arrays)]))


def json_rows(*args):
    return [json.loads(line) for line in arrayfs("rows", "--jsonl", *args).stdout.splitlines()]


def csv_rows(*args):
    return list(csv.reader(io.StringIO(arrayfs("rows", *args).stdout.decode(), newline="")))


with folder() as where:
    with check("every type of Arrow and of Parquet"):
        rng = random.Random(1)
        arrow = pa.table({str(t): random_array(rng, t, 60) for t in SIMPLE})
        pyarrow.feather.write_feather(arrow, str(where / "t.arrow"), compression="zstd")
        compare(where / "t.arrow", arrow)
        with pa.OSFile(str(where / "t.arrows"), "wb") as f, pa.ipc.new_stream(f, arrow.schema) as w:
            for batch in arrow.to_batches(max_chunksize=17):
                w.write_batch(batch)
        compare(where / "t.arrows", arrow)
        write_arrow(where / "slice.arrow", arrow.slice(7, 41).to_batches(max_chunksize=10))
        compare(where / "slice.arrow", arrow.slice(7, 41))
        parquet = pa.table({str(t): random_array(rng, t, 60) for t in PARQUET})
        pq.write_table(parquet, where / "t.parquet", row_group_size=23)
        compare(where / "t.parquet", parquet)
        pq.write_table(parquet, where / "t.parquet", store_decimal_as_integer=True, data_page_version="2.0", data_page_size=100)
        compare(where / "t.parquet", parquet)

    with check("decimals have all digits of their scale, and the sign of what is near zero"):
        for t, texts in ((pa.decimal32(9, 2), ["-0.05", "0.00", "1234567.89"]), (pa.decimal64(18, 5), ["-0.00001", "-5.00000", "0.10000"]),
                         (pa.decimal128(38, 38), ["-0.05" + "0" * 36, "0." + "9" * 38]), (pa.decimal256(76, 76), ["-0.05" + "0" * 74, "-0." + "9" * 76]),
                         (pa.decimal256(76, 0), ["-" + "9" * 76, "0"]), (pa.decimal128(5, -3), ["-5000", "0", "12345000"])):
            table = pa.table({"d": pa.array([decimal.Decimal(text) for text in texts], t)})
            pyarrow.feather.write_feather(table, str(where / "d.arrow"), compression="uncompressed")
            files = [where / "d.arrow"]
            if t.scale >= 0:
                pq.write_table(table, where / "d.parquet")
                files.append(where / "d.parquet")
            for file in files:
                assert arrayfs("rows", file).stdout.decode().split() == ["d", *texts], f"{file}: {t}"
                assert arrayfs("rows", "--jsonl", file).stdout.decode().split() == [f'{{"d":{text}}}' for text in texts], f"{file}: {t}"

    with check("lists, structs, maps, dictionaries and runs"):
        for i in sampled(range(40)):
            rng = random.Random(100 + i)
            arrow = pa.table({f"c{j}": random_array(rng, random_type(rng), 25) for j in range(3)})
            write_arrow(where / "n.arrow", arrow.slice(i % 3).to_batches(max_chunksize=i % 20 + 3))
            compare(where / "n.arrow", arrow.slice(i % 3))
            parquet = pa.table({f"c{j}": random_array(rng, random_type(rng, 0, PARQUET, True), 25) for j in range(3)})
            pq.write_table(parquet, where / "n.parquet", row_group_size=i % 20 + 3)
            compare(where / "n.parquet", parquet)
        words = pa.array(rng.choices(TEXTS + [None], k=50))
        arrow = pa.table({"d": words.dictionary_encode(), "f": pa.array([[1, 2], None, [3, 4]] * 16 + [[5, 6]] * 2, pa.list_(pa.int32(), 2))})
        pyarrow.feather.write_feather(arrow, str(where / "n.arrow"))
        compare(where / "n.arrow", arrow)
        runs = pa.RunEndEncodedArray.from_arrays(pa.array([3, 5, 9], pa.int32()), pa.array(["a", None, "b"]))
        with pa.OSFile(str(where / "r.arrow"), "wb") as f, pa.ipc.new_file(f, pa.schema([("r", runs.type)])) as w:
            w.write(pa.record_batch([runs], ["r"]))
        lines = arrayfs("rows", "--jsonl", where / "r.arrow").stdout.splitlines()
        assert [json.loads(x)["r"] for x in lines] == ["a"] * 3 + [None] * 2 + ["b"] * 4, lines
        assert [json.loads(x)["r"] for x in arrayfs("rows", "--jsonl", "--rows", "4:7", where / "r.arrow").stdout.splitlines()] == [None, "b", "b"]

        for t in (pa.list_(pa.int32(), 2), pa.list_(pa.list_(pa.int16(), 2), 3), pa.list_(pa.string(), 2), pa.list_(pa.list_(pa.int8()), 2), pa.list_(pa.int8(), 0),
                  pa.list_(pa.struct([("p", pa.int8()), ("q", pa.list_(pa.string(), 2))]), 2), pa.list_(pa.map_(pa.string(), pa.int8()), 2),
                  pa.list_(pa.dictionary(pa.int8(), pa.string()), 2), pa.list_(pa.list_(pa.list_(pa.bool_(), 2)), 2), pa.list_(pa.null(), 2)):
            for nulls in (0, 0.3):
                array = pa.nulls(6, t) if pa.types.is_null(t.value_type) else random_array(rng, t, 40, nulls)
                write_arrow(where / "fixed.arrow", pa.table({"f": array, "n": range(len(array))}).slice(3).to_batches(max_chunksize=11))
                compare(where / "fixed.arrow", pa.table({"f": array, "n": range(len(array))}).slice(3))
        tensor = pa.FixedShapeTensorArray.from_numpy_ndarray(np.arange(24).reshape(2, 3, 4))
        write_arrow(where / "fixed.arrow", [pa.record_batch([tensor], ["t"])])
        assert [r["t"] for r in json_rows(where / "fixed.arrow")] == np.arange(24).reshape(2, 3, 4).tolist()

    with check("dictionaries of any size, and runs of any length, whole and in parts"):
        words = pa.array([f"word {i}" for i in range(50_000)])
        index = pa.array([rng.randrange(50_000) if rng.random() < 0.9 else None for _ in range(3000)], pa.int32())
        inner = pa.DictionaryArray.from_arrays(pa.array([i % 7 for i in range(50_000)], pa.int8()), pa.array(["a", "b", None, "d", "e", "f", "g"]))
        pairs = pa.StructArray.from_arrays([words, inner], ["w", "i"])
        columns = [pa.DictionaryArray.from_arrays(index, words), pa.DictionaryArray.from_arrays(index, pairs),
                   pyarrow.compute.run_end_encode(pa.array([i // 7 if i // 7 % 5 else None for i in range(3000)]), run_end_type=pa.int32()),
                   pa.array(range(3000))]
        plain = pa.table({"d": words.take(index), "p": pairs.take(index), "r": columns[2], "n": columns[3]})
        write_arrow(where / "words.arrow", [b for b in pa.table(columns, plain.column_names).to_batches(max_chunksize=1000)])
        wanted = [{"d": r["d"], "p": r["p"], "r": r["r"], "n": r["n"]} for r in plain.to_pylist()]
        for options in ((), ("-o", "cache=1M,threads=2"), ("-o", "cache=64K,threads=1")):
            assert json_rows(*options, where / "words.arrow") == wanted, options
            assert json_rows(*options, "--rows", "990:1020", where / "words.arrow") == wanted[990:1020], options

    n = 30_000
    rng = random.Random(3)
    big = pa.table({"id": pa.array(range(n)), "x": random_array(rng, pa.float64(), n), "s": random_array(rng, pa.string(), n), "b": random_array(rng, pa.bool_(), n),
                    "t": random_array(rng, pa.timestamp("us"), n), "l": random_array(rng, pa.list_(pa.int32()), n)})
    pq.write_table(big, where / "big.parquet", row_group_size=7000, compression="zstd")

    with check("long tables, by several threads in order, and any part of them"):
        whole = arrayfs("rows", where / "big.parquet").stdout
        for threads in ("1", "2", "7"):
            assert arrayfs("rows", "-o", f"threads={threads},cache=8M", where / "big.parquet").stdout == whole, threads
        lines = whole.split(b"\n")
        ids = arrayfs("rows", where / "big.parquet", "id").stdout.split()
        assert ids == [b"id"] + [str(i).encode() for i in range(n)]
        assert arrayfs("rows", "--rows", "-2:", where / "big.parquet", "b", "id").stdout.split(b"\n")[0] == b"b,id"
        assert [x.split(b",")[0] for x in arrayfs("rows", "--rows", "20000:20003", where / "big.parquet", "id").stdout.split()[1:]] == [b"20000", b"20001", b"20002"]
        assert arrayfs("rows", "--rows", "5:5", where / "big.parquet", "id").stdout == b"id\n"
        assert lines[-1] == b""

    with check("what three libraries read back by their defaults"):
        clean = [v if v is None or not any(ord(c) < 32 for c in v) else v.translate(dict.fromkeys(range(32), 95)) for v in big["s"].to_pylist()]
        ids = list(range(n))
        texts = [None if v == "" or v in ("NaN", "null") else v for v in clean]
        plain = big.drop_columns(["l", "s", "t"]).append_column("s", pa.array(texts))
        moments = [None if rng.random() < 0.1 else rng.randrange(-(2**50), 2**51) for _ in range(n)]
        plain = plain.append_column("day", pa.array([m and m // 86_400_000_000 for m in moments], pa.int32()).cast(pa.date32()))
        plain = plain.append_column("at", pa.array(moments, pa.timestamp("us"))).append_column("utc", pa.array(moments, pa.timestamp("us", "UTC")))
        plain = plain.append_column("u", pa.array([2**64 - 1 - i for i in ids], pa.uint64())).append_column("i", pa.array([-(2**63) + i for i in ids]))
        plain = plain.append_column("cents", pa.array([decimal.Decimal(i - 500).scaleb(-2) for i in ids], pa.decimal128(12, 2)))
        pq.write_table(plain, where / "plain.parquet", row_group_size=4001)
        (where / "back.csv").write_bytes(arrayfs("rows", where / "plain.parquet").stdout)
        (where / "back.tsv").write_bytes(arrayfs("rows", "--tsv", where / "plain.parquet").stdout)
        (where / "back.jsonl").write_bytes(arrayfs("rows", "--jsonl", where / "plain.parquet").stdout)
        floats, stamps = plain["x"].to_pylist(), plain["at"].to_pylist()
        equal = lambda a, b: len(a) == len(b) and all(x == y or (x != x and y != y) for x, y in zip(a, b))  # noqa: E731
        no_nan = [v if v is None or math.isfinite(v) else None for v in floats]
        nan_null = [None if v is None or math.isnan(v) else v for v in floats]  # pyarrow's default says so
        utc = [v and v.replace(tzinfo=datetime.timezone.utc) for v in stamps]

        for file, parse in (("back.csv", None), ("back.tsv", pc.ParseOptions(delimiter="\t"))):
            a = pc.read_csv(where / file, parse_options=parse)
            assert a["id"].to_pylist() == ids and [v or None for v in a["s"].to_pylist()] == texts and a["b"].to_pylist() == plain["b"].to_pylist()
            assert equal(a["x"].to_pylist(), nan_null) and a["i"].to_pylist() == plain["i"].to_pylist() and a["day"].to_pylist() == plain["day"].to_pylist()
            assert [v and v // 1000 for v in a["at"].cast(pa.int64()).to_pylist()] == moments, a.schema
            assert [v and v // 1000 for v in a["utc"].cast(pa.int64()).to_pylist()] == moments, a.schema
        for source in (f"read_csv('{where}/back.csv', header = true, sample_size = -1)", f"read_csv('{where}/back.tsv', header = true, sample_size = -1)"):
            d = duckdb.sql(f"select id, s, x::double, b, day, \"at\", u, i, cents::varchar c, epoch_us(utc) z from {source} order by id").fetchall()
            assert [r[0] for r in d] == ids and [r[1] for r in d] == texts and equal([r[2] for r in d], floats)
            assert [r[3] for r in d] == plain["b"].to_pylist() and [r[4] for r in d] == plain["day"].to_pylist() and [r[5] for r in d] == stamps
            assert [int(r[6]) for r in d] == plain["u"].to_pylist() and [r[7] for r in d] == plain["i"].to_pylist() and [r[9] for r in d] == moments
            assert [float(r[8]) for r in d] == [float(v) for v in plain["cents"].to_pylist()]
        for file, separator in (("back.csv", ","), ("back.tsv", "\t")):
            p = polars.read_csv(where / file, infer_schema_length=None, try_parse_dates=True, separator=separator)
            assert p["id"].to_list() == ids and p["s"].to_list() == texts and equal(p["x"].to_list(), floats) and p["b"].to_list() == plain["b"].to_pylist()
            assert p["day"].to_list() == plain["day"].to_pylist() and p["at"].to_list() == stamps and p["utc"].to_list() == utc
            assert p["i"].to_list() == plain["i"].to_pylist() and [int(v) for v in p["u"].to_list()] == plain["u"].to_pylist()
        j = pyarrow.json.read_json(where / "back.jsonl")
        assert j["id"].to_pylist() == ids and j["s"].to_pylist() == texts and equal(j["x"].to_pylist(), no_nan) and j["i"].to_pylist() == plain["i"].to_pylist()
        d = duckdb.sql(f"select id, s, x, b, u, i, \"at\"::timestamp, day from read_json('{where}/back.jsonl', sample_size = -1) order by id").fetchall()
        assert [r[0] for r in d] == ids and [r[1] for r in d] == texts and equal([r[2] for r in d], no_nan) and [r[3] for r in d] == plain["b"].to_pylist()
        assert [int(r[4]) for r in d] == plain["u"].to_pylist() and [r[5] for r in d] == plain["i"].to_pylist() and [r[6] for r in d] == stamps
        assert [r[7] for r in d] == plain["day"].to_pylist()
        p = polars.read_ndjson(where / "back.jsonl", infer_schema_length=None)
        assert p["s"].to_list() == texts and equal(p["x"].to_list(), no_nan) and [int(v) for v in p["u"].to_list()] == plain["u"].to_pylist()

    with check("null and the empty string in JSON, in all three"):
        pq.write_table(pa.table({"i": [1, 2, 3], "s": ["", None, "a"]}), where / "e.parquet")
        (where / "e.jsonl").write_bytes(arrayfs("rows", "--jsonl", where / "e.parquet").stdout)
        assert pyarrow.json.read_json(where / "e.jsonl")["s"].to_pylist() == ["", None, "a"]
        assert duckdb.sql(f"select s from read_json('{where}/e.jsonl') order by i").fetchall() == [("",), (None,), ("a",)]
        assert polars.read_ndjson(where / "e.jsonl")["s"].to_list() == ["", None, "a"]

    with check("what polars and DuckDB wrote"):
        frame = polars.from_arrow(plain.select(["id", "x", "s", "b", "day", "at"]).slice(0, 3000))
        frame.with_columns(polars.col("s").cast(polars.Categorical).alias("c")).write_ipc(where / "polars.arrow")
        compare(where / "polars.arrow", pyarrow.feather.read_table(where / "polars.arrow"))
        frame.write_parquet(where / "polars.parquet", row_group_size=700)
        compare(where / "polars.parquet", plain.select(frame.columns).slice(0, 3000))
        few = plain.slice(0, 3000)
        duckdb.sql(f"copy (select id, s, b, [x, 1.5] l, {{'k': s, 'd': cents}} st from few) to '{where}/duck.parquet' (format parquet)")
        compare(where / "duck.parquet", pq.read_table(where / "duck.parquet"))

    with check("an empty string and null are told apart where there is one column, too"):
        for column, csv_text in ((["", None, "a"], b's\n""\n""\na\n'), ([None], b's\n""\n')):
            pq.write_table(pa.table({"s": pa.array(column, pa.string())}), where / "one.parquet")
            assert arrayfs("rows", where / "one.parquet").stdout == csv_text
            assert [json.loads(x)["s"] for x in arrayfs("rows", "--jsonl", where / "one.parquet").stdout.splitlines()] == column
        pq.write_table(pa.table({"s": pa.array(["", None], pa.string()), "n": [1, 2]}), where / "two.parquet")
        assert arrayfs("rows", where / "two.parquet").stdout == b's,n\n"",1\n,2\n'

    with check("what cannot be done ends in what can"):
        union = pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["x", "y"])])
        held = named([pa.array([1, 2]), union, pa.array(["p", "q"]), pa.StructArray.from_arrays([union], ["in"])], ["a", "u", "b", "s"])
        write_arrow(where / "u.arrow", [held])
        told = arrayfs("rows", where / "u.arrow", code=1).stderr
        assert b"u, s: a union has no text; name the others: arrayfs rows SOURCE a b" in told, told
        assert arrayfs("rows", where / "u.arrow", "b", "a").stdout == b"b,a\np,1\nq,2\n"
        assert b"u: a union has no text" in arrayfs("rows", where / "u.arrow", "a", "u", code=1).stderr
        assert b"s: its field in: a union has no text" in arrayfs("rows", where / "u.arrow", "s", code=1).stderr
        assert b"did you mean 'id'?" in arrayfs("rows", where / "big.parquet", "ix", code=1).stderr
        assert b"-o dataset" in arrayfs("rows", where, code=1).stderr
        from safetensors.numpy import save_file
        save_file({"w": np.zeros(3)}, where / "m.safetensors")
        assert b"is no table (safetensors)" in arrayfs("rows", where / "m.safetensors", code=1).stderr
        assert arrayfs("rows", "--csv", "--tsv", where / "big.parquet", code=2).stderr.count(b"\n") == 1
        assert b"NaN and infinities" in arrayfs("rows", "--jsonl", where / "big.parquet", "x").stderr

    with check("a dataset, and records"):
        (where / "set/k=1").mkdir(parents=True)
        (where / "set/k=2").mkdir(parents=True)
        pq.write_table(pa.table({"a": [1, 2]}), where / "set/k=1/x.parquet")
        pq.write_table(pa.table({"a": [3]}), where / "set/k=2/x.parquet")
        assert arrayfs("rows", "-o", "dataset", where / "set").stdout == b"a,k\n1,1\n2,1\n3,2\n"
        splits = {"train": 3, "test": 3}
        for split, count in splits.items():
            (where / "hub" / split).mkdir(parents=True)
            write_arrow(where / "hub" / split / "data.arrow", [pa.record_batch([pa.array(range(count)), pa.array([split] * count)], ["x", "a/y"])], stream=True)
            (where / "hub" / split / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data.arrow"}], "_split": split}))
            (where / "hub" / split / "dataset_info.json").write_text("{}")
        (where / "hub/dataset_dict.json").write_text(json.dumps({"splits": list(splits)}))
        assert b"has 2 tables: train, test" in arrayfs("rows", "-o", "dataset", where / "hub", code=1).stderr
        assert arrayfs("rows", "-o", "dataset", where / "hub", "test").stdout == b"x,a/y\n0,test\n1,test\n2,test\n"
        assert arrayfs("rows", "-o", "dataset", where / "hub", "train/a/y").stdout == b"a/y\n" + b"train\n" * 3
        (where / "r.jsonl").write_text('{"a":1,"b":["x",null]}\n{"b":[],"c":{"d":0.5}}\n')
        assert arrayfs("rows", "--jsonl", where / "r.jsonl").stdout == b'{"a":1,"b":["x",null],"c":null}\n{"a":null,"b":[],"c":{"d":0.5}}\n'

    with check("names are the archive's, whatever is shown"):
        names = ["a/b/c", "z", "a/b/d", "a/x\x01", "a", 'q"w', "a/b/c", "", "a/b/c~2", "t\tn", "n" * 300, "n" * 299 + "m", "%41", "..", "x,y", "e\u0301"]
        table = pa.table([pa.array([i, 7]) for i in range(len(names))], names=names)
        pq.write_table(table, where / "names.parquet")
        write_arrow(where / "names.arrow", table.to_batches())
        for file in ("names.parquet", "names.arrow"):
            assert csv_rows(where / file) == [names, [str(i) for i in range(len(names))], ["7"] * len(names)], file
            rows = json_rows(where / file)
            assert list(rows[0].values()) == list(range(len(names))) and len(rows[0]) == len(names), rows[0]
            assert [k for k, name in zip(rows[0], names) if k != name] == ["a/b/c~2", "a/b/c~2~2"], list(rows[0])
            assert csv_rows(where / file, "a/x\x01", "..", "z") == [["a/x\x01", "..", "z"], ["3", "13", "1"], ["7"] * 3]
            assert json_rows(where / file, "z", "a/x%01", "z") == [{"z": 1, "a/x\x01": 3}, {"z": 7, "a/x\x01": 7}]
        write_arrow(where / "split.arrow", [named([pa.array([1]), pa.array([2]), pa.array([3])], ["a.b", "c.d.e", "a.c"])])
        assert arrayfs("rows", "-o", "split=.", where / "split.arrow").stdout == b"a.b,c.d.e,a.c\n1,2,3\n"
        write_arrow(where / "v.arrow", [named([pa.array([1, 2]), pa.array([False, True])], ["x", "x.validity"], nullable=False)])
        assert arrayfs("rows", where / "v.arrow").stdout == b"x,x.validity\n1,false\n2,true\n"
        double = pa.StructArray.from_arrays([pa.array([1]), pa.array([2]), pa.array([3])], names=["d", 'e"\n', "d"])
        write_arrow(where / "double.arrow", [named([double], ["s"])])
        assert json_rows(where / "double.arrow") == [{"s": {"d": 1, 'e"\n': 2, "d~2": 3}}]

    with check("tables of no rows, of no columns, of nothing but nulls; rows from where to where"):
        for write in (lambda t, path: pq.write_table(t, path), lambda t, path: write_arrow(path, t.to_batches() or [pa.RecordBatch.from_pylist([], t.schema)])):
            write(pa.table({"a": pa.array([], pa.int8()), "s": pa.array([], pa.string())}), where / "none")
            assert arrayfs("rows", where / "none").stdout == b"a,s\n" and arrayfs("rows", "--jsonl", where / "none").stdout == b""
            write(pa.table({"a": pa.nulls(3), "s": pa.nulls(3, pa.list_(pa.int8()))}), where / "none")
            assert arrayfs("rows", where / "none").stdout == b"a,s\n" + b",\n" * 3 and json_rows(where / "none") == [{"a": None, "s": None}] * 3
        pq.write_table(pa.table({"a": [1, 2]}).select([]), where / "none")
        assert arrayfs("rows", where / "none").stdout.strip() == b""
        for begin, end in ((0, 7000), (6990, 7010), (13_999, 21_001), (-5, -2), (29_990, 40_000), (10, 5), (50_000, 60_000), (-50_000, 3)):
            got = arrayfs("rows", "--rows", f"{begin}:{end}", where / "big.parquet", "id").stdout.split()[1:]
            assert [int(v) for v in got] == list(range(n))[begin:end], (begin, end)

    with check("strings that are no UTF-8, and NaT"):
        bad = pa.Array.from_buffers(pa.string(), 2, [None, pa.py_buffer(np.array([0, 3, 5], "i4")), pa.py_buffer(b"a\xffb\xc3\n")])
        write_arrow(where / "bad.arrow", [named([bad], ["s"])])
        assert arrayfs("rows", where / "bad.arrow").stdout == b's\na\xffb\n"\xc3\n"\n'
        assert json_rows(where / "bad.arrow") == [{"s": "a%FFb"}, {"s": "%C3\n"}]
        np.save(where / "nat.npy", np.array([("2024-01-02", 1), ("NaT", 2)], [("t", "M8[s]"), ("n", "i4")]))
        assert arrayfs("rows", where / "nat.npy").stdout == b"t,n\n2024-01-02T00:00:00,1\n,2\n"
        assert json_rows(where / "nat.npy", "t") == [{"t": "2024-01-02T00:00:00"}, {"t": None}]

    with check("tables of HDF5 and NumPy: compounds in groups, scalars, arrays in fields"):
        try:
            import h5py
        except ImportError:
            raise Skip("no h5py") from None
        of = np.dtype([("i", ">i4"), ("v", "f4", (3,)), ("m", "f8", (2, 2)), ("n", [("p", "i2"), ("q", "S3")]), ("a/b", "u1"), ("e", "f4", (1,))])
        rows = np.zeros(3, of)
        rows["i"], rows["v"], rows["m"], rows["a/b"] = [1, -2, 3], np.arange(9).reshape(3, 3) / 4, np.arange(12).reshape(3, 2, 2), [4, 5, 6]
        rows["n"] = [(7, b"x"), (8, b'"yy'), (9, b"zzz")]
        wanted = [{"i": int(r["i"]), "v": r["v"].tolist(), "m": r["m"].tolist(), "n": {"p": int(r["n"]["p"]), "q": r["n"]["q"].decode()}, "a/b": int(r["a/b"]),
                   "e": r["e"].tolist()} for r in rows]
        with h5py.File(where / "one.h5", "w") as f:
            f["deep/down/tab"] = rows
            f["other"] = np.arange(5)
        with h5py.File(where / "many.h5", "w") as f:
            f["g/tab"], f["scalar"], f["flat"] = rows, rows[1], rows[:0]
            f["square"] = rows[:2].reshape(1, 2)
            text = np.empty(2, [("s", h5py.string_dtype()), ("l", h5py.vlen_dtype(np.int16))])
            text["s"], text["l"] = ["u", "v,"], [np.array([1, 2], "i2"), np.array([], "i2")]
            f["text"] = text
        np.save(where / "tab.npy", rows)
        np.savez(where / "tab.npz", tab=rows, other=np.arange(5))
        for one in ("one.h5", "tab.npy", "tab.npz"):
            assert json_rows(where / one) == wanted, one
        assert csv_rows(where / "one.h5", "i", "deep/down/tab/a/b") == [["i", "a/b"], ["1", "4"], ["-2", "5"], ["3", "6"]]
        assert json_rows(where / "many.h5", "g/tab") == wanted and json_rows(where / "many.h5", "scalar") == [wanted[1]] and json_rows(where / "many.h5", "flat") == []
        assert json_rows(where / "many.h5", "square") == [{k: [wanted[0][k], wanted[1][k]] for k in ("i", "v", "m")} |
                                                          {"n": [wanted[0]["n"], wanted[1]["n"]], "a/b": [4, 5], "e": [[0.0], [0.0]]}]
        assert json_rows(where / "many.h5", "text") == [{"s": "u", "l": [1, 2]}, {"s": "v,", "l": []}]
        assert csv_rows(where / "many.h5", "g/tab/i", "g/tab/n")[:2] == [["i", "n"], ["1", '{"p":7,"q":"x"}']]
        told = arrayfs("rows", where / "many.h5", code=1).stderr
        assert b"has 5 tables: flat, g/tab, scalar, square, text; say which" in told, told
        assert b"is of another table than g/tab/i" in arrayfs("rows", where / "many.h5", "g/tab/i", "scalar/i", code=1).stderr
        assert b"no column 'nope'" in arrayfs("rows", where / "many.h5", "g/tab/nope", code=1).stderr
        assert b"; arrayfs list tells them" in arrayfs("rows", where / "many.h5", "g/tab/unlike_any", code=1).stderr
        arrayfs("--list", where / "many.h5")

    with check("what is wide, or of many small parts, takes no longer than it is large"):
        # Each took minutes, or would not end, where the work grew with the square.
        wide = 20_000
        names = {"slashes": [f"g{i % 100}/c{i}" for i in range(wide)], "escapes": [f"c{i}\x01" for i in range(wide)], "same": ["a"] * wide}
        for what, columns in names.items():
            write_arrow(where / "wide.arrow", [pa.record_batch([pa.array([1, 2, 3], pa.int8())] * wide, names=columns)])
            got = arrayfs("rows", where / "wide.arrow", timeout=60).stdout.split(b"\n")
            assert got[0].decode().split(",") == columns and len(got) == 5, what
            assert arrayfs("rows", "--jsonl", where / "wide.arrow", timeout=60).stdout.count(b"\n") == 3
        some = names["slashes"][::-2]
        write_arrow(where / "wide.arrow", [pa.record_batch([pa.array([1], pa.int8())] * wide, names=names["slashes"])])
        assert arrayfs("rows", where / "wide.arrow", *some, timeout=60).stdout.split(b"\n")[0].decode().split(",") == some
        struct = pa.StructArray.from_arrays([pa.array([1, 2])] * wide, names=[f"f{i}\x01" for i in range(wide)])
        write_arrow(where / "wide.arrow", [named([struct], ["s"])])
        assert len(json_rows(where / "wide.arrow")[1]["s"]) == wide
        runs = 1_000_000
        ends = pa.RunEndEncodedArray.from_arrays(pa.array(np.arange(1, runs + 1) * 2, pa.int64()), pa.array(np.arange(runs)))
        write_arrow(where / "runs.arrow", [named([ends], ["r"])])
        out = arrayfs("rows", where / "runs.arrow", timeout=60).stdout.split()
        assert out[1:] == [b"%d" % (i // 2) for i in range(2 * runs)]
        words = pa.array([f"word {i}" for i in range(300_000)])
        index = np.random.default_rng(1).integers(0, 300_000, 200_000).astype("i4")
        write_arrow(where / "words.arrow", [pa.record_batch([pa.DictionaryArray.from_arrays(pa.array(index), words)], ["d"])])
        assert arrayfs("rows", where / "words.arrow", timeout=60).stdout.split(b"\n")[1:-1] == [b"word %d" % i for i in index]
        small = pa.table({"a": range(5000), "s": [f"x{i}" for i in range(5000)], "l": [[i] for i in range(5000)]})
        pq.write_table(small, where / "small.parquet", row_group_size=1)
        write_arrow(where / "small.arrows", small.to_batches(max_chunksize=1), stream=True)
        for file in ("small.parquet", "small.arrows"):
            assert arrayfs("rows", where / file, timeout=60).stdout.splitlines()[1:] == [b"%d,x%d,[%d]" % (i, i, i) for i in range(5000)]
        deep = pa.array([1, None, 3])
        for _ in range(50):
            deep = pa.ListArray.from_arrays([0, len(deep)], deep)
        write_arrow(where / "deep.arrow", [named([deep], ["d"])])
        assert arrayfs("rows", "--jsonl", where / "deep.arrow").stdout == b'{"d":' + b"[" * 50 + b"1,null,3" + b"]" * 50 + b"}\n"

    with check("whatever the rows are, they keep within the cache and 64 MB"):
        program = pathlib.Path(ARRAYFS).read_bytes()
        sanitized = b"__asan_init" in program or b"__tsan_init" in program  # what that takes is beyond any limit

        def peak(*args, code=0):
            p = subprocess.Popen([ARRAYFS, "rows", *map(str, args)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            most = 0
            while p.poll() is None:
                with contextlib.suppress(OSError), open(f"/proc/{p.pid}/status") as f:
                    most = max([most] + [int(line.split()[1]) for line in f if line.startswith(("RssAnon", "RssShmem"))])
                time.sleep(0.005)
            told = p.stderr.read()
            assert p.returncode == code, told
            return 0 if sanitized else most / 1024, told
        write_arrow(where / "long.arrow", [named([pa.array(["%d" % i * 30_000 for i in range(500)])], ["s"])])
        write_arrow(where / "list.arrow", [named([pa.array([list(range(50_000))] * 50, pa.list_(pa.int64()))], ["l"])])
        pq.write_table(pa.table({f"c{i}": np.arange(3000) * i for i in range(300)}), where / "wide.parquet")
        for file in ("long.arrow", "list.arrow", "wide.parquet"):
            for kind in ("--csv", "--jsonl"):
                for cache in (4, 32):
                    most, _ = peak(kind, "-o", f"cache={cache}M", where / file)
                    assert most < 64 + cache, f"{file}, {kind}, {cache} MB: {most} MB"
        write_arrow(where / "huge.arrow", [named([pa.array([1, 2]), pa.array(["x" * 10, '"\n' * 20_000_000])], ["n", "s"])])
        most, told = peak("-o", "cache=8M", where / "huge.arrow", code=1)
        assert most < 72 and told.count(b"\n") == 1 and b"row 1 is larger than" in told and b"(s): -o cache=SIZE allows more" in told, (most, told)
        for kind in ("--csv", "--jsonl"):
            most, _ = peak(kind, "-o", "cache=128M", where / "huge.arrow")
            assert most < 192, most
        whole = arrayfs("rows", "-o", "cache=128M", where / "huge.arrow").stdout
        assert whole == b"n,s\n1," + b"x" * 10 + b'\n2,"' + b'""\n' * 20_000_000 + b'"\n'

done()
