#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares every file that is shown of Parquet files with what pyarrow reads.

    parquet.py ARRAYFS [FILE...]     files given, or a few hundred made here

Exits with 77 where pyarrow is missing."""
import decimal, itertools, os, random, shutil, subprocess, sys, tempfile

try:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    sys.exit(77)

from tap import sampled


def buffer_of(a, width):
    b = a.buffers()[1]
    if b is None:
        return np.zeros((len(a), width), np.uint8)
    v = np.frombuffer(b, np.uint8)[a.offset * width:(a.offset + len(a)) * width]
    return v.reshape(len(a), width).copy()


def valid_of(a):
    return np.asarray(a.is_valid()).astype(np.uint8)


class Expect(dict):
    """path -> bytes; and whether a validity may be missing"""

    def __init__(self):
        self.optional = set()
        self.nulls = {}

    def column(self, path, a, struct_valid=None):
        t = a.type
        if isinstance(a, pa.ExtensionArray):
            a = a.storage
            t = a.type
        if pa.types.is_dictionary(t):
            a = a.dictionary_decode()
            t = a.type
        valid = valid_of(a)
        self.nulls[path + '.validity'] = valid.tobytes()
        if pa.types.is_null(t):
            self[path] = b'\0' * (4 * len(a))
        elif pa.types.is_boolean(t):
            self[path] = np.asarray(a.fill_null(False)).astype(np.uint8).tobytes()
        elif pa.types.is_struct(t):
            for i, f in enumerate(a.flatten()):
                self.column(path + '/' + t.field(i).name, f)
        elif pa.types.is_map(t):
            lengths = self.lists(path, a)
            keep = pa.array(np.repeat(valid.astype(bool), lengths)) if 0 else None
            k, v = flat_map(a)
            self.column(path + '/values/key', k)
            self.column(path + '/values/value', v)
        elif pa.types.is_list(t) or pa.types.is_large_list(t) or pa.types.is_fixed_size_list(t):
            self.lists(path, a)
            self.column(path + '/values', a.flatten())
        elif is_bytes(t):
            a = a.cast(pa.large_binary() if not pa.types.is_large_string(t) and not pa.types.is_string(t) else pa.large_string())
            vals = a.fill_null(b'' if pa.types.is_large_binary(a.type) else '')
            off = np.frombuffer(vals.buffers()[1], np.int64)[vals.offset:vals.offset + len(a) + 1] if len(a) else np.zeros(1, np.int64)
            data = vals.buffers()[2]
            self[path + '/offsets'] = (off - off[0]).tobytes()
            self[path + '/values'] = data.to_pybytes()[off[0]:off[-1]] if data and len(a) else b''
        else:
            width = t.bit_width // 8
            v = buffer_of(a, width)
            v[valid == 0] = 0
            if pa.types.is_decimal(t):
                w = 4 if t.precision <= 9 else 8 if t.precision <= 18 else 16 if t.precision <= 38 else 32
                if w > width:
                    sign = np.where(v[:, -1:] & 0x80, 0xff, 0).astype(np.uint8)
                    v = np.concatenate([v, np.repeat(sign, w - width, axis=1)], axis=1)
                v = v[:, :w]
            self[path] = v.tobytes()

    def lists(self, path, a):
        lengths = np.asarray(pa.compute.list_value_length(a).fill_null(0)).astype(np.int64) if not pa.types.is_map(a.type) else map_lengths(a)
        self[path + '/offsets'] = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64).tobytes()
        return lengths


def map_lengths(a):
    off = np.asarray(a.offsets).astype(np.int64)
    n = np.diff(off)
    n[valid_of(a) == 0] = 0
    return n


def flat_map(a):
    """Only the entries of maps that are there."""
    off, valid = np.asarray(a.offsets).astype(np.int64), valid_of(a)
    idx = [np.arange(off[i], off[i + 1]) for i in range(len(a)) if valid[i]]
    idx = pa.array(np.concatenate(idx) if idx else np.zeros(0, np.int64), pa.int64())
    entries = pa.ListArray.from_arrays(pa.array([0, len(a.keys)], pa.int32()), a.keys).values
    return entries.take(idx), a.items.take(idx)


def is_bytes(t):
    return any(f(t) for f in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary,
                              pa.types.is_string_view, pa.types.is_binary_view))


def expect(table):
    e = Expect()
    for name, col in zip(table.column_names, table.columns):
        a = col.combine_chunks() if col.num_chunks != 1 else col.chunk(0)
        if isinstance(a, pa.ChunkedArray):
            a = a.chunk(0) if a.num_chunks else pa.array([], col.type)
        e.column(name, a)
    return e


def shown(folder):
    out = {}
    for d, _, files in os.walk(folder):
        for f in files:
            p = os.path.join(d, f)
            out[os.path.relpath(p, folder)] = open(p, 'rb').read()
    return out


def compare(arrayfs, path, table=None, options=()):
    dest = tempfile.mkdtemp()
    try:
        r = subprocess.run([arrayfs, *options, '--extract', '--force', path, dest + '/o'], capture_output=True, text=True)
        got = shown(dest + '/o')
    finally:
        shutil.rmtree(dest)
    faults = []
    if r.returncode != 0:
        faults.append(r.stderr.strip()[:400])
    table = pq.read_table(path) if table is None else table
    e = expect(table)
    for k, v in e.items():
        if k not in got:
            faults.append('%s is missing' % k)
        elif got[k] != v:
            g = got[k]
            i = next((i for i in range(min(len(g), len(v))) if g[i] != v[i]), min(len(g), len(v)))
            faults.append('%s differs: %d bytes, expected %d, from byte %d on: %s, expected %s' % (k, len(g), len(v), i, g[i:i + 12].hex(), v[i:i + 12].hex()))
    for k, v in e.nulls.items():
        if k in got and got[k] != v:
            faults.append('%s differs' % k)
        if k not in got and b'\0' in v and '/' not in k:
            faults.append('%s is missing' % k)
    for k in got:
        if k not in e and k not in e.nulls:
            faults.append('%s is not expected' % k)
    return faults


# --- files ------------------------------------------------------------------

def nullify(rng, values, p):
    return [None if rng.random() < p else v for v in values]


def columns(n, p, rng):
    ints = lambda bits, signed: [rng.randrange(-(1 << bits - 1), 1 << bits - 1) if signed else rng.randrange(1 << bits) for _ in range(n)]
    words = ['', 'a', 'word', 'größe', 'x' * 40, 'prefix-common-1', 'prefix-common-22']
    c = {}
    for bits in (8, 16, 32, 64):
        c['i%d' % bits] = pa.array(nullify(rng, ints(bits, True), p), getattr(pa, 'int%d' % bits)())
        c['u%d' % bits] = pa.array(nullify(rng, ints(bits, False), p), getattr(pa, 'uint%d' % bits)())
    c['few'] = pa.array(nullify(rng, [rng.choice([3, -7, 1 << 40]) for _ in range(n)], p), pa.int64())
    c['runs'] = pa.array(nullify(rng, [i // 37 % 5 for i in range(n)], p and p / 20), pa.int32())
    c['bool'] = pa.array(nullify(rng, [rng.random() < .5 for _ in range(n)], p), pa.bool_())
    c['bools'] = pa.array(nullify(rng, [i % 200 < 150 for i in range(n)], p), pa.bool_())
    c['f16'] = pa.array(nullify(rng, [np.float16(rng.random()) for _ in range(n)], p), pa.float16())
    c['f32'] = pa.array(nullify(rng, [rng.random() for _ in range(n)], p), pa.float32())
    c['f64'] = pa.array(nullify(rng, [rng.gauss(0, 1) for _ in range(n)], p), pa.float64())
    c['date'] = pa.array(nullify(rng, [rng.randrange(-9999, 99999) for _ in range(n)], p), pa.int32()).cast(pa.date32())
    c['t32'] = pa.array(nullify(rng, [rng.randrange(86400000) for _ in range(n)], p), pa.int32()).cast(pa.time32('ms'))
    c['t64'] = pa.array(nullify(rng, [rng.randrange(86400000) for _ in range(n)], p), pa.int64()).cast(pa.time64('ns'))
    for u in ('ms', 'us', 'ns'):
        c['ts_' + u] = pa.array(nullify(rng, ints(60, True), p), pa.int64()).cast(pa.timestamp(u, 'UTC' if u == 'us' else None))
    for prec, scale in ((5, 2), (15, 3), (30, 10), (60, 20)):
        v = [decimal.Decimal(rng.randrange(-10 ** prec + 1, 10 ** prec)).scaleb(-scale, decimal.Context(prec=80)) for _ in range(n)]
        c['dec%d' % prec] = pa.array(nullify(rng, v, p), pa.decimal128(prec, scale) if prec <= 38 else pa.decimal256(prec, scale))
    c['str'] = pa.array(nullify(rng, [rng.choice(words) for _ in range(n)], p), pa.string())
    c['uniq'] = pa.array(nullify(rng, ['row %d of %d' % (i, n) for i in range(n)], p), pa.string())
    c['bin'] = pa.array(nullify(rng, [os.urandom(rng.randrange(20)) for _ in range(n)], p), pa.binary())
    c['fixed'] = pa.array(nullify(rng, [bytes([i % 5] * 7) for i in range(n)], p), pa.binary(7))
    c['dict'] = c['str'].dictionary_encode()
    nested = {}
    lists = lambda make: nullify(rng, [nullify(rng, [make(i) for _ in range(rng.choice([0, 0, 1, 2, 5]))], p) for i in range(n)], p)
    nested['list'] = pa.array(lists(lambda i: i), pa.list_(pa.int32()))
    nested['lstr'] = pa.array(lists(lambda i: rng.choice(words)), pa.list_(pa.string()))
    nested['ll'] = pa.array(nullify(rng, [lists_of(rng, words, p) for i in range(n)], p), pa.list_(pa.list_(pa.string())))
    nested['st'] = pa.array(nullify(rng, [{'a': i if rng.random() >= p else None, 'b': rng.choice(words), 'c': {'d': i * .5}} for i in range(n)], p),
                            pa.struct([('a', pa.int64()), ('b', pa.string()), ('c', pa.struct([('d', pa.float64())]))]))
    nested['ls'] = pa.array(lists(lambda i: {'x': i, 'y': [1, 2, None][:i % 4]}), pa.list_(pa.struct([('x', pa.int32()), ('y', pa.list_(pa.int8()))])))
    nested['map'] = pa.array(nullify(rng, [[(w, rng.choice([None, 1, 2])) for w in rng.sample(words, rng.randrange(4))] for _ in range(n)], p),
                             pa.map_(pa.string(), pa.int16()))
    nested['mm'] = pa.array([[('k', [('q', 1)] * (i % 3))] * (i % 2) for i in range(n)], pa.map_(pa.string(), pa.map_(pa.string(), pa.int64())))
    nested['sl'] = pa.array(nullify(rng, [{'l': None if i % 3 == 0 else [i] * (i % 4)} for i in range(n)], p), pa.struct([('l', pa.list_(pa.int64()))]))
    return c, nested


def lists_of(rng, words, p):
    return nullify(rng, [nullify(rng, [rng.choice(words) for _ in range(rng.randrange(3))], p) for _ in range(rng.randrange(3))], p)


ENCODINGS = {
    'DELTA_BINARY_PACKED': ['i8', 'u16', 'i32', 'u32', 'i64', 'u64', 'few', 'date', 'ts_us', 'list'],
    'DELTA_LENGTH_BYTE_ARRAY': ['str', 'uniq', 'bin', 'lstr', 'll'],
    'DELTA_BYTE_ARRAY': ['str', 'uniq', 'bin', 'lstr', 'fixed', 'dec30'],
    'BYTE_STREAM_SPLIT': ['f16', 'f32', 'f64', 'i32', 'i64', 'fixed', 'dec30'],
    'RLE': ['bool', 'bools'],
    'PLAIN': None,
}


def make(folder):
    """Yields (path, table)."""
    grid = list(itertools.product(['none', 'snappy', 'gzip', 'brotli', 'zstd', 'lz4'], ['1.0', '2.0'], [0, .15], [True, False]))
    for k, (codec, version, p, dictionary) in sampled(enumerate(grid)):
        rng = random.Random(k)
        n = rng.choice([1, 30, 1000, 3000])
        c, nested = columns(n, p, rng)
        c.update(nested)
        t = pa.table(c)
        path = '%s/grid-%d-%s-%s-%s-%s.parquet' % (folder, k, codec, version, p, dictionary)
        pq.write_table(t, path, compression=codec, data_page_version=version, use_dictionary=dictionary,
                       data_page_size=rng.choice([200, 3000, 1 << 20]), row_group_size=rng.choice([n, max(1, n // 3)]),
                       write_page_index=rng.random() < .5, write_page_checksum=rng.random() < .5, write_batch_size=rng.choice([64, 1024]),
                       write_statistics=rng.random() < .7, store_decimal_as_integer=rng.random() < .5, store_schema=rng.random() < .5)
        yield path
    for k, ((name, cols), version, p) in sampled(enumerate(itertools.product(ENCODINGS.items(), ['1.0', '2.0'], [0, .2, 1]))):
        rng = random.Random(1000 + k)
        n = 2000
        c, nested = columns(n, p, rng)
        c.update(nested)
        use = {x: c[x] for x in (cols or c)}
        leaf = {'list': 'list.list.element', 'lstr': 'lstr.list.element', 'll': 'll.list.element.list.element'}
        enc = {leaf.get(x, x): name for x in use} if cols else None
        path = '%s/enc-%d-%s-%s-%s.parquet' % (folder, k, name, version, p)
        pq.write_table(pa.table(use), path, compression=rng.choice(['none', 'snappy', 'zstd']), data_page_version=version,
                       use_dictionary=False, column_encoding=enc, data_page_size=rng.choice([500, 1 << 20]), write_page_checksum=True)
        yield path
    for n in (0, 1):
        c, nested = columns(n, 0, random.Random(5))
        c.update(nested)
        pq.write_table(pa.table(c), '%s/rows-%d.parquet' % (folder, n))
        yield '%s/rows-%d.parquet' % (folder, n)
    required = pa.table(columns(500, 0, random.Random(6))[0])
    required = required.cast(pa.schema([f.with_nullable(False) for f in required.schema]))
    for codec in ('none', 'zstd', 'snappy'):
        for version in ('1.0', '2.0'):
            path = '%s/required-%s-%s.parquet' % (folder, codec, version)
            pq.write_table(required, path, compression=codec, use_dictionary=False, data_page_size=700, data_page_version=version, write_page_checksum=version == '1.0')
            yield path
    ts = pa.table({'t': pa.array([0, 1, None, -5, 10 ** 18], pa.timestamp('ns'))})
    pq.write_table(ts, folder + '/int96.parquet', use_deprecated_int96_timestamps=True)
    yield folder + '/int96.parquet'


def others(folder):
    """The same by other writers, those that are installed."""
    c, nested = columns(700, .2, random.Random(77))
    skip = ('mm', 'ts_ms', 'u8', 'f16', 't64', 'dec60', 'dict', 'dec5')
    t = pa.table({k: v for k, v in (c | nested).items() if k not in skip})
    try:
        import duckdb
        for codec in ('uncompressed', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4_raw'):
            for version in ('v1', 'v2'):
                path = '%s/duckdb-%s-%s.parquet' % (folder, codec, version)
                duckdb.sql("copy (select * from t) to '%s' (format parquet, compression %s, parquet_version %s, row_group_size 300)" % (path, codec, version))
                yield path
        path = folder + '/duckdb-types.parquet'
        duckdb.sql("copy (select (range %% 100)::utinyint a, range::hugeint h, gen_random_uuid() v, interval (range) day as iv, "
                   "case when range %% 3 = 0 then null else range::double end d, 'x' || (range // 1000) s, [range, null] l, {'a': [range]} st, "
                   "'2020-01-01'::date + range::int dt, '12:00:00'::time tm, map {'k': range} m, (range %% 2 = 0) bo, encode('ab' || range::varchar) bl "
                   "from range(5000)) to '%s' (format parquet)" % path)
        yield path
    except ImportError:
        print('# duckdb is missing')
    try:
        import polars
        d = polars.from_arrow(t.select([k for k in t.column_names if k not in ('map', 'mm', 'fixed')]))
        for codec in ('uncompressed', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4'):
            path = '%s/polars-%s.parquet' % (folder, codec)
            d.write_parquet(path, compression=codec, row_group_size=300, data_page_size=500)
            yield path
    except ImportError:
        print('# polars is missing')
    try:
        import fastparquet
        d = t.select([k for k in ('i32', 'i64', 'f64', 'few', 'str', 'uniq', 'bool', 'ts_us', 'runs')]).to_pandas()
        for codec in ('UNCOMPRESSED', 'SNAPPY', 'GZIP', 'ZSTD', 'BROTLI', 'LZ4_RAW'):
            path = '%s/fastparquet-%s.parquet' % (folder, codec)
            fastparquet.write(path, d, compression=codec, row_group_offsets=300)
            yield path
    except ImportError:
        print('# fastparquet is missing')


def by_duckdb(path):
    import duckdb
    r = duckdb.sql("select * from '%s'" % path)
    return (r.to_arrow_table if hasattr(r, 'to_arrow_table') else r.arrow)()


def main():
    arrayfs, files = os.path.abspath(sys.argv[1]), sys.argv[2:]
    folder = tempfile.mkdtemp()
    failed = done = 0
    try:
        for path in files or itertools.chain(make(folder), others(folder)):
            try:
                table = pq.read_table(path)
            except Exception as e:
                table = by_duckdb(path) if 'duckdb-' in path else None
            if table is None:
                print('# the reference refuses %s' % path)
                continue
            faults = compare(arrayfs, path, table)
            done += 1
            if faults:
                failed += 1
                print('not ok %s' % os.path.basename(path))
                for f in faults[:6]:
                    print('    ' + f)
    finally:
        shutil.rmtree(folder)
    print('%d files, %d differ' % (done, failed))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
