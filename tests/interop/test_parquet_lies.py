#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Parquet files whose footers, indexes and page headers tell what is not so, in
numbers on which other readers do not rely: what is shown is what pyarrow reads of the
file as it was written, or an error, and every size that is told is exact.
"""
import itertools
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import ARRAYFS, arrayfs, check, done, folder, listed, need, sampled  # noqa: E402

need("pyarrow", "numpy")
import parquet  # noqa: E402
import thrift  # noqa: E402
from thrift import BINARY, FALSE, I32, I64, LIST, STRUCT  # noqa: E402

np, pa, pq = parquet.np, parquet.pa, parquet.pq

DATA = os.environ.get("TEST_DATA") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")
BY_CLICKHOUSE = b"ClickHouse version 26.9.2"


def rewrite(path, change, to=None):
    """change(footer, column chunks with their metadata) of the file at path."""
    data = open(path, "rb").read()
    footer = thrift.footer(data)
    change(footer, [c for g in footer[4][1][1] for c in g[1][1][1]])
    open(to or path, "wb").write(thrift.with_footer(data, footer))
    return to or path


def metas(change):
    """A change of each column chunk's metadata."""
    return lambda footer, chunks: [change(c[3][1]) for c in chunks]


def sizes(path):
    return {o["path"]: o["size"] for o in listed(path) if o["kind"] == "file"}


def extracted(path):
    """What can be had, and whether that is all and no message was needed."""
    with folder() as f:
        r = subprocess.run([ARRAYFS, "--extract", path, str(f / "o")], capture_output=True, text=True, timeout=60)
        return parquet.shown(str(f / "o")), r.returncode == 0, r.stderr


def exact(path, table=None):
    """As pyarrow reads it, with the sizes that were told."""
    faults = parquet.compare(ARRAYFS, path, table)
    assert not faults, "\n".join(faults[:8])
    got, told = extracted(path)[0], sizes(path)
    assert {k: len(v) for k, v in got.items()} == told, told
    for o in listed(path):
        width = np.dtype(o["dtype"]).itemsize
        assert o["shape"] == [o["size"] // width] and o["order"] == "C", o


def cat(path, column):
    r = subprocess.run([ARRAYFS, "--cat", path, column], capture_output=True)
    return r.returncode, r.stdout, r.stderr.decode()


# --- size statistics ----------------------------------------------------------

NESTED = pa.table({
    "s": ["word %d" % (i % 50) if i % 7 else None for i in range(600)],
    "l": pa.array([[i] * (i % 4) if i % 9 else None for i in range(600)], pa.list_(pa.int32())),
    "ls": [["x%d" % k if k else None for k in range(i % 4)] if i % 9 else None for i in range(600)],
    "st": [{"a": "z" * (i % 5) if i % 3 else None, "b": [i]} if i % 7 else None for i in range(600)],
})
PLAIN = dict(use_dictionary=False, compression="none", store_schema=False)

with check("statistics_that_count_twice_are_not_believed"):
    for name in ("clickhouse-strings", "clickhouse-lists"):
        exact(os.path.join(DATA, "parquet", name + ".parquet"))

with check("statistics_that_agree_tell_sizes_without_decoding"):
    large = pa.concat_tables([NESTED] * 200)
    for options in ({}, PLAIN, {"row_group_size": 50_000}, {"data_page_version": "2.0", "compression": "zstd"}):
        with folder() as f:
            path = str(f / "x.parquet")
            pq.write_table(large, path, **options)
            exact(path)
            whole = sizes(path)
            data = bytearray(open(path, "rb").read())
            end = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
            data[4:end] = b"\xff" * (end - 4)
            open(path, "wb").write(data)
            assert sizes(path) == whole, options

with check("sizes_by_other_writers_are_found_by_decoding"):
    with folder() as f:
        def lie(footer, chunks):
            footer[6] = (BINARY, BY_CLICKHOUSE)
            for c in chunks:
                if 1 in c[3][1][16][1]:
                    c[3][1][16][1][1] = (I64, c[3][1][16][1][1][1] + 7)
        for options in ({}, PLAIN):
            path = str(f / "x.parquet")
            pq.write_table(NESTED, path, row_group_size=400, **options)
            exact(rewrite(path, lie), NESTED)


def histogram(field, change):
    def each(meta):
        kind, bins = meta[16][1].get(field, (LIST, (I64, [])))[1]
        if bins:
            change(bins)
    return metas(each)


def add_first(bins):
    bins[0] += 1


def add_both(bins):
    bins[0] += 5
    bins[-1] -= 5


def double(bins):
    bins[:] = [2 * b for b in bins]


def negative(bins):
    bins[-1] = -bins[-1]


def huge(bins):
    bins[0] = bins[-1] = 1 << 62


def shorter(bins):
    bins.pop()


with check("histograms_that_do_not_add_up_are_not_believed"):
    with folder() as f:
        path = str(f / "x.parquet")
        pq.write_table(NESTED, path, row_group_size=400)
        for field in (2, 3):
            for change in (add_first, add_both, double, negative, huge, shorter):
                exact(rewrite(path, histogram(field, change), str(f / "y.parquet")), NESTED)


def string_bytes(to):
    def each(meta):
        if 1 in meta.get(16, (0, {}))[1]:
            meta[16][1][1] = (I64, to(meta[16][1][1][1]))
    return metas(each)


with check("bytes_that_the_chunk_cannot_hold_are_not_believed"):
    with folder() as f:
        path = str(f / "x.parquet")
        table = pa.table({"s": ["value number %d" % i for i in range(5000)]})
        for options in (PLAIN, {**PLAIN, "compression": "zstd"}):
            pq.write_table(table, path, **options)
            for to in (lambda n: 2 * n, lambda n: n // 2, lambda n: n + 60_000, lambda n: -n, lambda n: 1 << 62, lambda n: 0):
                exact(rewrite(path, string_bytes(to), str(f / "y.parquet")), table)

with check("small_columns_are_counted_by_their_pages"):
    with folder() as f:
        path = str(f / "x.parquet")
        for options in ({}, {"row_group_size": 250}, PLAIN):
            pq.write_table(NESTED, path, **options)
            for to in (lambda n: n + 1, lambda n: n - 1, lambda n: 3 * n):
                exact(rewrite(path, string_bytes(to), str(f / "y.parquet")), NESTED)
            exact(rewrite(path, histogram(3, lambda bins: bins.reverse()), str(f / "y.parquet")), NESTED)
            for o in listed(path):
                assert [r["bytes"] for r in o["row_groups"]][-1][1] == o["size"], o

def never_wrong(path, whole, what):
    got, all_of_it, told = extracted(path)
    for name, data in got.items():
        assert data == (whole[name] if name in whole else whole.nulls[name]), (what, name)
    assert (set(whole) <= set(got)) if all_of_it else told.startswith("arrayfs: "), (what, told)


# Of a column that would take time to decode, by a writer that was found to be right, and
# where nothing else in the footer says otherwise, statistics are believed until it is decoded.

def believed(f, to, groups=4):
    """A file whose bytes of strings are told as to() has them, in one row group; and its table."""
    path = str(f / "x.parquet")
    table = pa.table({"s": ["word %d" % (i % 50) for i in range(40_000)], "x": range(40_000),
                      "l": [["w%d" % (i % 7)] * (i % 3) for i in range(40_000)]})
    pq.write_table(table, path, row_group_size=40_000 // groups)

    def lie(footer, chunks):
        for c in chunks[3:6]:
            string_bytes(to)(footer, [c])
    return rewrite(path, lie), table

LIES = (lambda n: n + 1, lambda n: n - 1, lambda n: n + 70_000, lambda n: n - 30_000)

with check("a_large_column_whose_statistics_lie_is_counted_by_its_pages"):
    for to in LIES:
        with folder() as f:
            path, table = believed(f, to)
            whole = parquet.expect(table)
            never_wrong(path, whole, "")
            assert extracted(path)[1:] == (True, ""), extracted(path)[2]
            for name in ("s/values", "s/offsets", "l/values/values", "l/values/offsets", "l/offsets"):
                assert cat(path, name) == (0, whole[name], ""), name

with check("so_it_is_in_a_dataset"):
    for to in LIES:
        with folder() as f:
            (f / "d").mkdir()
            _, table = believed(f, to)
            os.rename(f / "x.parquet", f / "d" / "b.parquet")
            for name in ("a", "c"):
                pq.write_table(table, str(f / "d" / f"{name}.parquet"), row_group_size=10_000)
            whole = parquet.expect(pa.concat_tables([table] * 3))
            for name in ("s/offsets", "s/values", "l/values/values", "l/values/offsets", "l/offsets", "x"):
                r = subprocess.run([ARRAYFS, "-o", "dataset", "--cat", str(f / "d"), name], capture_output=True)
                assert (r.returncode, r.stdout, r.stderr) == (0, whole[name], b""), (name, r.stderr)

# --- nulls --------------------------------------------------------------------

with check("null_counts_of_strings_by_polars_are_not_believed"):
    path = os.path.join(DATA, "parquet", "polars-0.16-categorical.parquet")
    exact(path)
    assert cat(path, "c.validity")[1] == b"\1\0\1\0"
    with folder() as f:
        for created_by in (b"Polars", b"Arrow2 - Native Rust implementation of Arrow"):
            exact(rewrite(path, lambda footer, chunks: footer.update({6: (BINARY, created_by)}), str(f / "x.parquet")))

with check("a_null_where_none_was_told_is_an_error_of_its_page"):
    n = 3000
    table = pa.table({
        "x": pa.array([None if i == 2500 else i for i in range(n)], pa.int64()),
        "b": [None if i == 2500 else i % 2 == 0 for i in range(n)],
        "s": [None if i == 2500 else "word %d" % i for i in range(n)],
        "l": pa.array([[i, None if i == 2500 else 1] for i in range(n)], pa.list_(pa.int32())),
        "ls": [[str(i), None if i == 2500 else ""] for i in range(n)],
        "ll": [[[1], [i, None if i == 2500 else 1]] for i in range(n)],
        "st": [{"a": None if i == 2500 else i} if i % 10 != 1 else None for i in range(n)],
    })
    whole = parquet.expect(table)
    hidden = ["x", "b", "s", "l/values", "ls/values", "ll/values/values", "st/a"]
    for options in ({}, PLAIN, {**PLAIN, "data_page_version": "2.0"}):
        with folder() as f:
            path = str(f / "x.parquet")
            pq.write_table(table, path, **{**options, "data_page_size": 500, "write_batch_size": 100})
            rewrite(path, metas(lambda meta: meta[12][1].update({3: (I64, 0)})))
            paths = sizes(path)
            assert not [h for h in hidden if h + ".validity" in paths] and "st.validity" in paths, list(paths)
            for name in paths:
                code, got, told = cat(path, name)
                want = whole[name] if name in whole else whole.nulls[name]
                if not any(name in (h, h + "/values", h + "/offsets") for h in hidden) or name in ("l/offsets", "ls/offsets", "ll/offsets"):
                    assert (code, got) == (0, want), name
                    continue
                assert code == 1 and want.startswith(got) and "has a null, but the column's statistics say that there are none" in told, (name, told)
            for name in ("x", "st/a"): # the pages before it read
                r = subprocess.run([ARRAYFS, "--cat", "--rows", "0:2000", path, name], capture_output=True)
                assert (r.returncode, r.stdout) == (0, whole[name][:2000 * (len(whole[name]) // n)]), name

# --- every number ----------------------------------------------------------------

def numbers(fields, path=()):
    """Where the numbers of a struct stand: what holds each, its key there, and its path."""
    for key, (kind, v) in fields.items():
        if kind in (I32, I64):
            yield fields, key, path + (key,)
        elif kind == STRUCT:
            yield from numbers(v, path + (key,))
        elif kind == LIST:
            for i, item in enumerate(v[1]):
                if v[0] == STRUCT:
                    yield from numbers(item, path + (key, i))
                elif v[0] in (I32, I64):
                    yield v[1], i, path + (key, i)


with check("counts_that_cannot_be_are_not_told"):
    with folder() as f:
        path = str(f / "x.parquet")
        pq.write_table(pa.table({"x": [1, None, 3]}), path, write_page_index=True)
        for n, told in ((1, 1), (4, None), (1 << 62, None), (-1, None)):
            rewrite(path, metas(lambda meta: meta[12][1].update({3: (I64, n), 4: (I64, n)})), str(f / "y.parquet"))
            group, = listed(str(f / "y.parquet"))[0]["row_groups"]
            assert (group.get("null_count"), group.get("distinct_count")) == (told, told), group

with check("a_number_of_the_footer_that_lies_never_makes_wrong_bytes"):
    rows = 60
    table = pa.table({"x": [i if i % 7 else None for i in range(rows)], "d": ["w%d" % (i % 9) if i % 5 else None for i in range(rows)],
                      "ls": [["a%d" % k for k in range(i % 3)] for i in range(rows)]})
    whole = parquet.expect(table)
    with folder() as f:
        path, other = str(f / "x.parquet"), str(f / "y.parquet")
        for options in (dict(use_dictionary=["d"], compression="none", data_page_size=100, write_batch_size=10, write_page_index=True),
                        dict(compression="zstd", data_page_version="2.0", row_group_size=30)):
            pq.write_table(table, path, store_schema=False, **options)
            data = open(path, "rb").read()
            all_numbers = range(len(list(numbers(thrift.footer(data)))))
            for i, v in sampled(itertools.product(all_numbers, (-1, 7, 1 << 62))):
                footer = thrift.footer(data)
                holder, key, where = list(numbers(footer))[i]
                if where[0] == 2: # the schema, which says what the file is
                    continue
                kind = holder[key][0] if isinstance(holder, dict) else I64
                v = min(v, (1 << 31) - 1) if kind == I32 else v
                holder[key] = (kind, v) if isinstance(holder, dict) else v
                open(other, "wb").write(thrift.with_footer(data, footer))
                never_wrong(other, whole, (where, v))

# --- writers --------------------------------------------------------------------

def pages_by(path, created_by, change):
    """The file with its page headers rewritten, as another writer's."""
    data = open(path, "rb").read()
    footer, out = thrift.footer(data), bytearray(b"PAR1")
    for _, _, meta in thrift.chunks(footer):
        start = len(out)
        for _, header, at, length in list(thrift.pages(data, meta)):
            change(header)
            out += thrift.struct(header) + data[at:at + length]
        meta[9], meta[7] = (I64, start), (I64, len(out) - start)
        meta.pop(11, None)
    footer[6] = (BINARY, created_by)
    footer = thrift.struct(footer)
    open(path, "wb").write(bytes(out) + footer + len(footer).to_bytes(4, "little") + b"PAR1")


with check("v2_pages_of_parquet_cpp_1_are_compressed_whatever_they_say"):
    with folder() as f:
        path = str(f / "x.parquet")
        for codec in ("snappy", "zstd", "none"):
            for created_by, right in ((b"parquet-cpp version 1.5.1-SNAPSHOT", True), (b"parquet-cpp version 1.5.1", True),
                                      (b"parquet-cpp version 2.0.0", False), (b"parquet-cpp-arrow version 2.0.0", False)):
                pq.write_table(NESTED, path, data_page_version="2.0", compression=codec, use_dictionary=False)
                pages_by(path, created_by, lambda header: header[8][1].update({7: (FALSE, False)}))
                if right or codec == "none":
                    exact(path)
                else:
                    try:
                        pq.read_table(path)
                        assert False, "pyarrow reads it"
                    except (OSError, pa.ArrowException):
                        assert cat(path, "s/values")[0] == 1

with check("the_old_lz4_is_called_lz4"):
    with folder() as f:
        path = str(f / "x.parquet")
        pq.write_table(NESTED, path, compression="lz4")
        assert {o["codec"] for o in listed(path) if "codec" in o} == {"lz4_raw"}
        rewrite(path, metas(lambda meta: meta.update({4: (I32, 5)})))
        assert {o["codec"] for o in listed(path) if "codec" in o} == {"lz4"}
        exact(path)

with check("the_rows_of_a_file_without_columns_are_told"):
    with folder() as f:
        path = str(f / "x.parquet")
        pq.write_table(pa.table({"x": [1, 2, 3]}).select([]), path)
        rewrite(path, lambda footer, chunks: footer.update({3: (I64, 3), 4: (LIST, (STRUCT, [
            {1: (LIST, (STRUCT, [])), 2: (I64, 0), 3: (I64, n)} for n in (2, 1)]))}))
        assert pq.ParquetFile(path).metadata.num_rows == 3
        root, = listed(path)
        assert (root["path"], root["shape"], root["num_rows"]) == ("", [3], 3), root

# --- groups ---------------------------------------------------------------------

GROUPS = pa.table({
    "m": pa.array([[("key %d %s" % (i, "x" * 100), i)] * (i % 3) if i % 5 else None for i in range(400)], pa.map_(pa.string(), pa.int32())),
    "st": [{"a": "word %d %s" % (i, "y" * 100), "b": i, "c": [i]} if i % 4 else None for i in range(400)],
    "l": [[{"a": "z" * 100, "b": k} for k in range(i % 3)] for i in range(400)],
})


def spoil(path, columns):
    data = bytearray(open(path, "rb").read())
    for _, _, meta in thrift.chunks(thrift.footer(data)):
        if b".".join(meta[3][1][1]).decode() in columns:
            for _, _, at, length in list(thrift.pages(bytes(data), meta)):
                data[at:at + length] = b"\xff" * length
    open(path, "wb").write(data)


with check("offsets_and_validity_of_a_group_are_of_any_leaf_that_reads"):
    whole = parquet.expect(GROUPS)
    dear = {"m.key_value.key", "st.a", "st.c.list.element", "l.list.element.a"}
    cheap = {"m.key_value.value", "st.b", "l.list.element.b"}
    for lost in (dear, cheap):
        for sizes_told in (True, False):
            with folder() as f:
                path = str(f / "x.parquet")
                pq.write_table(GROUPS, path, row_group_size=150, compression="zstd", use_dictionary=False, write_page_checksum=True,
                               store_schema=False)
                spoil(path, lost)
                if not sizes_told:
                    rewrite(path, metas(lambda meta: meta.pop(16, None)))
                for name in ("m/offsets", "m.validity", "st.validity", "l/offsets"):
                    want = whole[name] if name in whole else whole.nulls[name]
                    assert cat(path, name)[:2] == (0, want), (name, lost, cat(path, name)[2])
                os.mkdir(f / "d")
                for part in ("a", "b"):
                    os.link(path, f / "d" / (part + ".parquet"))
                r = subprocess.run([ARRAYFS, "-o", "dataset", "--cat", str(f / "d"), "st.validity"], capture_output=True)
                assert (r.returncode, r.stdout) == (0, whole.nulls["st.validity"] * 2), r.stderr

done()
