#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Parquet files of which something is broken: what is shown of the rest is what
pyarrow reads of the file when it was whole, at its place, and nothing is left out
in silence.
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import ARRAYFS, arrayfs, check, done, folder, need  # noqa: E402

need("pyarrow", "numpy")
import parquet  # noqa: E402
import thrift  # noqa: E402

np, pa, pq = parquet.np, parquet.pa, parquet.pq


def make(f, table, sizes=False, change=None, name="x.parquet", **options):
    """Writes the table; without what tells sizes, unless asked for."""
    path = str(f / name)
    pq.write_table(table, path, write_page_checksum=True, store_schema=False, **options)
    data = bytearray(open(path, "rb").read())
    footer = thrift.footer(data)
    for group, column, meta in thrift.chunks(footer):
        if not sizes:
            meta.pop(16, None)
        if change:
            change(data, group, column, meta)
    open(path, "wb").write(thrift.with_footer(data, footer))
    return path


def spoil(data, at, length):
    for i in range(at, at + length):
        data[i] ^= 0x5a


def spoil_chunk(which, column):
    """A change for make(): no page of that chunk can be found any more."""
    def change(data, group, number, meta):
        if (group, number) == (which, column):
            start = min(meta[k][1] for k in (9, 11) if k in meta)
            data[start:start + meta[7][1]] = b"\xff" * meta[7][1]
    return change


def cat(path, column, *options):
    """What can be had of it from its beginning on, and whether that is all."""
    r = subprocess.run([ARRAYFS, *options, "--cat", path, column], capture_output=True)
    return r.stdout, r.returncode == 0


def expected(table):
    return parquet.expect(table)


WORDS = pa.table({"s": [f"word {i}" * (i % 3) for i in range(3000)], "n": list(range(3000))})

with check("a_lost_row_group_of_strings_is_not_left_out_of_their_bytes"):
    with folder() as f:
        path = make(f, WORDS, row_group_size=1000, change=spoil_chunk(1, 0))
        whole = expected(WORDS)["s/values"]
        offsets = np.frombuffer(expected(WORDS)["s/offsets"], "<i8")
        got, all_of_it = cat(path, "s/values")
        assert not all_of_it and whole.startswith(got) and len(got) <= offsets[1000], len(got)
        assert cat(path, "n") == (expected(WORDS)["n"], True)

with check("a_lost_page_of_strings_is_not_left_out_of_their_bytes"):
    for sizes in (False, True):
        with folder() as f:
            def change(data, group, column, meta):
                at, header, payload, length = list(thrift.pages(data, meta))[2]
                if column == 0:
                    spoil(data, payload, length)
            path = make(f, WORDS, sizes, change, use_dictionary=False, data_page_size=2000, write_batch_size=100)
            got, all_of_it = cat(path, "s/values")
            assert not all_of_it and expected(WORDS)["s/values"].startswith(got)

with check("how_many_rows_there_are_is_the_row_groups_word"):
    with folder() as f:
        path = make(f, WORDS, row_group_size=1000)
        data = open(path, "rb").read()
        for total in (0, 2999, 1 << 40, -1):
            footer = thrift.footer(data)
            footer[3] = (thrift.I64, total)
            open(path, "wb").write(thrift.with_footer(data, footer))
            faults = parquet.compare(ARRAYFS, path, pq.ParquetFile(path).read())
            assert not faults, (total, faults)

with check("a_row_group_of_other_rows_than_its_columns_is_a_fault"):
    with folder() as f:
        path = make(f, WORDS, row_group_size=1000)
        data = open(path, "rb").read()
        for rows in (999, 1001):
            footer = thrift.footer(data)
            footer[4][1][1][1][3] = (thrift.I64, rows)
            open(path, "wb").write(thrift.with_footer(data, footer))
            for column in ("n", "s/values"):
                got, all_of_it = cat(path, column)
                assert not all_of_it and expected(WORDS)[column].startswith(got)

with check("a_row_group_of_no_rows_and_values_is_refused"):
    with folder() as f:
        path = make(f, WORDS, row_group_size=1000)
        data = open(path, "rb").read()
        footer = thrift.footer(data)
        footer[4][1][1][1][3] = (thrift.I64, 0)
        open(path, "wb").write(thrift.with_footer(data, footer))
        refused = arrayfs("--list", path, code=1).stderr.decode()
        assert refused == f"arrayfs: {path}: row group 1 has no rows but 1000 values\n", refused

with check("int96_of_day_0_is_as_the_reference_reads_it"):
    with folder() as f:
        path = str(f / "x.parquet")
        pq.write_table(pa.table({"t": pa.array([0, 5], pa.timestamp("ns"))}), path, use_deprecated_int96_timestamps=True,
                       use_dictionary=False, compression="none", store_schema=False)
        data = open(path, "rb").read()
        at = data.index((2440588).to_bytes(4, "little"))
        for day in (0, 1, 2**32 - 1, 2440588 + 106752):
            open(path, "wb").write(data[:at] + day.to_bytes(4, "little") + data[at + 4:])
            faults = parquet.compare(ARRAYFS, path)
            assert not faults, (day, faults)

done()
