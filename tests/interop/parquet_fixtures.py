#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes tests/data/parquet: small files by four writers, and, with chdb 4.4 and polars
0.16.18 in their place, by two whose statistics are wrong.  parquet_fixtures.py FOLDER"""
import random, sys
import pyarrow as pa, pyarrow.parquet as pq

to = sys.argv[1]


def wrong():
    """Size statistics that count values twice; a null count of 0 beside nulls."""
    try:
        import chdb
    except ImportError:
        return
    how = ("output_format_parquet_compression_method='none', output_format_parquet_write_bloom_filter=0, "
           "output_format_parquet_write_page_index=0, output_format_parquet_max_dictionary_size=200, "
           "output_format_parquet_data_page_size=100, output_format_parquet_batch_size=10")
    for name, query in (("strings", "select concat('value-', toString(number)) as s from numbers(60)"),
                        ("lists", "select arrayMap(x -> if(x % 3 = 0, null, concat('v', toString(number), '-', toString(x))), "
                                  "range(number % 4)) as a from numbers(60)")):
        chdb.query(f"{query} into outfile '{to}/clickhouse-{name}.parquet' truncate format Parquet settings {how}")
    import polars
    if polars.__version__.startswith("0.16."):
        words = polars.Series("s", ["a", None, "b", None])
        polars.DataFrame({"c": words.cast(polars.Categorical), "s": words}).write_parquet(
            to + '/polars-0.16-categorical.parquet', statistics=True, compression='uncompressed')


wrong()
import duckdb, fastparquet, pandas, polars
sys.path.insert(0, __file__.rsplit('/', 1)[0])
import parquet as interop
import thrift

c, nested = interop.columns(12, .2, random.Random(1))
flat = pa.table({k: c[k] for k in ('i8', 'few', 'runs', 'bool', 'f64', 'dec30', 'str', 'fixed')})
pq.write_table(flat, to + '/pyarrow-v1-snappy.parquet', compression='snappy', data_page_size=40, write_batch_size=4, store_schema=False)
pq.write_table(flat, to + '/pyarrow-v2-zstd.parquet', compression='zstd', data_page_version='2.0', use_dictionary=False,
               write_page_checksum=True, write_page_index=True, store_schema=False)
pq.write_table(pa.table({k: nested[k] for k in ('ll', 'ls', 'map')}), to + '/pyarrow-nested.parquet', compression='none',
               row_group_size=5, store_schema=False)
delta = pa.table({k: c[k] for k in ('i32', 'u64', 'uniq')} | {'bss': c['f32'], 'pre': c['uniq'], 'b': c['bools']})
pq.write_table(delta, to + '/pyarrow-encodings.parquet', compression='none', use_dictionary=False, store_schema=False, column_encoding={
    'i32': 'DELTA_BINARY_PACKED', 'u64': 'DELTA_BINARY_PACKED', 'uniq': 'DELTA_LENGTH_BYTE_ARRAY', 'bss': 'BYTE_STREAM_SPLIT',
    'pre': 'DELTA_BYTE_ARRAY', 'b': 'RLE'})
plain = pa.table({'x': pa.array(range(50), pa.int32()), 'y': pa.array([.5] * 50)})
pq.write_table(plain.cast(pa.schema([f.with_nullable(False) for f in plain.schema])), to + '/pyarrow-required.parquet',
               compression='none', use_dictionary=False, store_schema=False)
duckdb.sql("copy (select range::int as i, 'v' || range as s, [range, null] as l, {'a': range, 'b': 'x'} as st from range(10)) "
           f"to '{to}/duckdb.parquet' (format parquet, compression lz4_raw)")
polars.DataFrame({'i': [1, None, 3], 's': ['a', None, 'ccc'], 'l': [[1], [], None]}).write_parquet(to + '/polars.parquet', compression='brotli')
fastparquet.write(to + '/fastparquet.parquet', pandas.DataFrame({'i': [1, 2, 3], 'f': [.5, None, 2], 's': ['a', 'bb', None]}), compression='GZIP')
# Pages of 50 rows in row groups of 200, whose bytes stand in the file as they are shown.
pages = pa.table({'x': pa.array(range(1000, 1400), pa.int64()), 'y': pa.array(range(3000, 3400), pa.int64())},
                 schema=pa.schema([pa.field('x', pa.int64()), pa.field('y', pa.int64(), nullable=False)]))
pq.write_table(pages, to + '/pyarrow-pages.parquet', compression='none', use_dictionary=False, store_schema=False, row_group_size=200,
               data_page_size=64, write_batch_size=50, write_page_checksum=True, write_page_index=True)
# Strings and lists in three row groups of one page each, without what tells their sizes.
lost = pa.table({'s': ['w%d' % i for i in range(30)], 'l': [[{'a': 100 * i + k, 'b': 'b%d' % i} for k in range(i % 3)] for i in range(30)]})
pq.write_table(lost, to + '/pyarrow-groups.parquet', compression='none', use_dictionary=False, store_schema=False, row_group_size=10,
               write_page_checksum=True)
data = open(to + '/pyarrow-groups.parquet', 'rb').read()
footer = thrift.footer(data)
for _, _, meta in thrift.chunks(footer):
    meta.pop(16)
open(to + '/pyarrow-groups.parquet', 'wb').write(thrift.with_footer(data, footer))
# A dictionary that is given up after the first pages.
many = pa.table({'x': pa.array(range(5000, 5064), pa.int64())})
pq.write_table(many, to + '/pyarrow-fallback.parquet', compression='none', dictionary_pagesize_limit=64, data_page_size=64, write_batch_size=8,
               write_page_checksum=True, store_schema=False)
# Strings of four row groups, of which the second tells 5 bytes more than there are, and the third 3 fewer
# in the other column: by a writer that is believed, where nothing else in the footer says otherwise.
import os
os.makedirs(to + '/lies', exist_ok=True)
told = pa.table({'more': ['word %d' % (i % 10) for i in range(40_000)], 'fewer': ['w%d' % (i % 7) for i in range(40_000)]})
pq.write_table(told, to + '/lies/sizes.parquet', compression='zstd', store_schema=False, row_group_size=10_000, write_statistics=False)
data = open(to + '/lies/sizes.parquet', 'rb').read()
footer = thrift.footer(data)
for i, by in ((2, 5), (5, -3)):
    sizes = list(thrift.chunks(footer))[i][2][16][1]
    sizes[1] = (thrift.I64, sizes[1][1] + by)
open(to + '/lies/sizes.parquet', 'wb').write(thrift.with_footer(data, footer))
