#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares every file that arrayfs shows of HDF5 archives with what h5py reads.

    test_hdf5.py [FILE...]

Without files, makes a matrix of its own: type x layout x index x filter x version
bound x shape; and reads the files that others wrote, where they lie beside the
project.
"""
import ctypes
import itertools
import os
import struct
import subprocess
import sys
import tempfile

from tap import ARRAYFS, LIBRARIES, WORK, arrayfs, check, comment, done, listed, others, sampled, skip_all

try:
    import h5py
    import numpy as np

    import hdf5_library
    from hdf5_library import LIBRARY
except ImportError as e:
    comment(e)
    skip_all(LIBRARIES)
try:
    import hdf5plugin
except ImportError:
    hdf5plugin = None


class Run:
    def __init__(self, arrayfs):
        self.arrayfs = arrayfs
        self.same = self.differ = self.refused = self.skipped = 0

    def tell(self, *words):
        comment(" ".join(map(str, words)))

    def compare(self, file, dest):
        def visit(name, d, seen=set()):
            if not isinstance(d, h5py.Dataset):
                return
            try:
                want = hdf5_library.expected(d, hdf5_library.shown(d.name.lstrip("/")))
            except Exception as e:  # what the library cannot read, we need not
                self.skipped += 1
                self.tell("h5py cannot read", file, name, str(e)[:100])
                return
            if want is None:
                self.skipped += 1
                return
            for path, data in want.items():
                if data is not None:
                    self.check(file, dest, path, data)
        with h5py.File(file, "r") as f:
            f.visititems(visit)

    def check(self, file, dest, path, data):
        full = os.path.join(dest, path)
        try:
            with open(full, "rb") as f:
                have = f.read()
        except OSError as e:
            self.refused += 1
            self.tell("not shown:", os.path.basename(file), path, e.strerror, self.words.get(path, ""))
            return
        if have == data:
            self.same += 1
        else:
            self.differ += 1
            at = next((i for i, (a, b) in enumerate(zip(have, data)) if a != b), min(len(have), len(data)))
            self.tell("DIFFERS:", os.path.basename(file), path, len(have), len(data), "at", at)

    def file(self, file):
        with tempfile.TemporaryDirectory() as tmp:
            dest = os.path.join(tmp, "x")
            p = subprocess.run([self.arrayfs, "--extract", file, dest], capture_output=True, text=True, errors="replace", timeout=300)
            self.words = {}
            for line in p.stderr.splitlines():
                self.words[line.split(": ")[1].split("/", 1)[-1] if ": " in line else ""] = line
            if p.returncode not in (0, 1):
                self.differ += 1
                self.tell("DIED:", file, p.returncode, p.stderr[-300:])
            try:
                self.compare(file, dest)
            except OSError as e:
                self.skipped += 1
                self.tell("h5py cannot open", os.path.basename(file), str(e)[:80], "| arrayfs:", p.returncode, p.stderr.strip()[-120:])
            if p.returncode == 1:
                self.tell(os.path.basename(file), p.stderr.strip()[:600])


# --- the matrix -----------------------------------------------------------------

TYPES = [
    "<i1", "<u1", "<i2", ">i2", "<u4", ">u4", "<i8", ">u8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "?", "<c8", ">c16",
    "S5", "S8", "V7",
    [("a", "<i4"), ("b", ">f8"), ("c", "S3", (2,)), ("d", [("x", "<u2"), ("y", "<f4", (2, 3))])],
    np.dtype([("a", "<i1"), ("b", "<i8")], align=True),
]
SHAPES = [((), None), ((0,), (None,)), ((1,), (1,)), ((7,), (None,)), ((1000,), (None,)), ((5, 6), (5, 6)), ((17, 23), (None, 23)),
          ((17, 23), (17, None)), ((17, 23), (None, None)), ((4, 5, 6), (4, 5, 6)), ((9, 10, 11), (9, None, 11)),
          ((3, 4, 5, 6), (None, 4, None, 6)), ((2500,), (2500,)), ((3000, 2), (None, 2))]


def values(dtype, shape, rng):
    dtype = np.dtype(dtype)
    n = int(np.prod(shape, dtype=np.int64))
    if dtype == np.dtype("?"):
        return rng.integers(0, 2, shape).astype("?")
    raw = rng.integers(0, 120, (n, dtype.itemsize), dtype=np.uint8)
    raw[:, 1:] %= 5
    return raw.reshape(-1).view(dtype).reshape(shape) if n else np.zeros(shape, dtype)


def filters(dtype):
    dtype = np.dtype(dtype)
    yield {}
    yield {"compression": "gzip", "compression_opts": 4}
    yield {"compression": "gzip", "shuffle": True, "fletcher32": True}
    yield {"shuffle": True}
    yield {"fletcher32": True}
    yield {"compression": "lzf", "shuffle": True}
    if dtype.kind in "iuf" and dtype.itemsize <= 8:
        yield {"compression": "szip", "compression_opts": ("nn", 8)}
        yield {"compression": "szip", "compression_opts": ("ec", 16)}
        if dtype.kind in "iu":
            yield {"scaleoffset": 0}
            yield {"scaleoffset": 0, "compression": "gzip"}
        elif dtype.itemsize > 2:
            yield {"scaleoffset": 3}
    if hdf5plugin:
        p = hdf5plugin
        for f in (p.Zstd(), p.LZ4(), p.Bitshuffle(cname="none"), p.Bitshuffle(cname="lz4"), p.Bitshuffle(cname="zstd"),
                  p.BZip2(), p.Blosc(cname="lz4", shuffle=p.Blosc.SHUFFLE), p.Blosc(cname="zstd", shuffle=p.Blosc.BITSHUFFLE),
                  p.Blosc(cname="blosclz"), p.Blosc(cname="zlib"), p.LZ4(nbytes=64)):
            yield dict(f)


def make(path, libver):
    rng = np.random.default_rng(5)
    count = 0
    with h5py.File(path, "w", libver=libver) as f:
        for (i, dtype), (k, (shape, maxshape)) in itertools.product(enumerate(TYPES), enumerate(SHAPES)):
            data = values(dtype, shape, rng)
            name = "t%d/s%d/" % (i, k)
            f.create_dataset(name + "contiguous", data=data, dtype=dtype)
            if not shape:
                continue
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_layout(h5py.h5d.COMPACT)
            d = h5py.h5d.create(f.require_group(name).id, b"compact", h5py.h5t.py_create(np.dtype(dtype)), h5py.h5s.create_simple(shape), plist) if data.nbytes < 60000 else None
            if d is not None:
                d.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ascontiguousarray(data))
            for j, flt in enumerate(filters(dtype)):
                # A tenth of them, other ones for each version bound; with TEST_WORK=10 all.
                if (i * 3 + k * 7 + j + sum(os.path.basename(path).encode())) % max(1, round(10 / WORK)):
                    continue
                for chunk in {tuple(max(1, x // 3) for x in shape), tuple(max(1, x) for x in shape), tuple(max(1, min(x, 2)) for x in shape) if k < 6 else tuple(max(1, x // 2) for x in shape)}:
                    label = "f%d_%s" % (j, "x".join(map(str, chunk)))
                    if "contiguous" in label:
                        continue
                    try:
                        d = f.create_dataset(name + label, shape=shape, maxshape=maxshape, dtype=dtype, chunks=chunk, **flt)
                        d[...] = data
                        count += 1
                    except (ValueError, OSError):
                        if name + label in f:
                            del f[name + label]
            if np.dtype(dtype).kind in "iuf":
                d = f.create_dataset(name + "holes", shape=shape, maxshape=maxshape, dtype=dtype, chunks=tuple(max(1, x // 3) for x in shape), fillvalue=42)
                if shape[0] > 2:
                    d[1:2] = data[1:2]
                f.create_dataset(name + "never", shape=shape, dtype=dtype, fillvalue=7)
        for i, n in enumerate((0, 1, 10, 10000)):
            f.create_dataset("vlen/str%d" % i, data=["x" * (j % 13) + "\u00e9" for j in range(n)], dtype=h5py.string_dtype(), shape=(n,))
            d = f.create_dataset("vlen/int%d" % i, (n,), dtype=h5py.vlen_dtype("<i4"), maxshape=(None,), chunks=(max(n // 3, 1),), compression="gzip")
            for j in range(min(n, 50)):
                d[j] = np.arange(j)
        f["link/hard"] = f["t0/s1/contiguous"]
        f["link/soft"] = h5py.SoftLink("/t0/s1/contiguous")
        f["link/up"] = f["/"]
        f["empty"] = h5py.Empty("f4")
        f["type"] = np.dtype("<f8")
    return count


def early(path):
    """Allocated early: implicit indexes; and edges that are not filtered."""
    with h5py.File(path, "w", libver="latest") as f:
        for k, shape in enumerate([(10,), (17, 23), (5, 6, 7)]):
            for flt in (False, True):
                plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                plist.set_chunk(tuple(max(1, x // 3) for x in shape))
                plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
                if flt:
                    plist.set_deflate(4)
                    if hasattr(plist, "set_chunk_opts"):
                        plist.set_chunk_opts(1)
                d = h5py.Dataset(h5py.h5d.create(f.id, b"d%d%d" % (k, flt), h5py.h5t.NATIVE_INT32, h5py.h5s.create_simple(shape), plist))
                d[...] = np.arange(np.prod(shape)).reshape(shape)


def virtual(folder):
    for i in range(3):
        with h5py.File("%s/s%d.h5" % (folder, i), "w") as f:
            f["data"] = np.arange(20, dtype="<i4").reshape(4, 5) + 100 * i
    with h5py.File(folder + "/v.h5", "w", libver="latest") as f:
        layout = h5py.VirtualLayout((4, 4, 5), "<i4")
        for i in range(4):
            layout[i] = h5py.VirtualSource("s%d.h5" % i, "data", (4, 5))
        f.create_virtual_dataset("stack", layout, fillvalue=-1)
        layout = h5py.VirtualLayout((12,), "<i4")
        layout[0:10:2] = h5py.VirtualSource("s1.h5", "data", (4, 5))[2]
        layout[1:9:2] = h5py.VirtualSource("s2.h5", "data", (4, 5))[:, 3]
        f.create_virtual_dataset("interleaved", layout, fillvalue=7)
        layout = h5py.VirtualLayout((2, 10), "<i4")
        layout[:, 2:10:4] = h5py.VirtualSource("s0.h5", "data", (4, 5))[0:4:2, 1:3]
        f.create_virtual_dataset("grid", layout)
    return folder + "/v.h5"


def slab(shape, maxshape, *slab):
    s = h5py.h5s.create_simple(shape, maxshape)
    s.select_hyperslab(*slab)
    return s


def virtual_of_blocks(folder):
    """Selections that are lists of blocks, on either side: elements in C order of all, not block by block."""
    def blocks(shape, *corners):
        s = h5py.h5s.create_simple(shape)
        s.select_none()
        for start, size in corners:
            s.select_hyperslab(start, (1,) * len(shape), None, size, op=h5py.h5s.SELECT_OR)
        return s

    with h5py.File(folder + "/i.h5", "w") as f:
        f["d"] = np.arange(80, dtype="<i4").reshape(8, 10)
        f["line"] = np.arange(40, dtype="<i4")
        f["cube"] = np.arange(4 * 5 * 6, dtype="<i4").reshape(4, 5, 6)
    rng = np.random.default_rng(3)
    with h5py.File(folder + "/irregular.h5", "w", libver="latest") as f:
        def make(name, shape, *maps):
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_fill_value(np.array(-1, "<i4"))
            for to, path, source in maps:
                plist.set_virtual(to, b"i.h5", path, source)
            h5py.h5d.create(f.id, name, h5py.h5t.STD_I32LE, h5py.h5s.create_simple(shape), plist)
        two = blocks((8, 10), ((0, 0), (2, 3)), ((1, 5), (4, 2)))  # 14, whose rows interleave
        make(b"from", (14,), (slab((14,), None, (0,), (1,), (1,), (14,)), b"d", two))
        make(b"to", (9, 11), (blocks((9, 11), ((0, 1), (3, 2)), ((1, 6), (2, 4))), b"line", slab((40,), None, (5,), (1,), (1,), (14,))))
        make(b"both", (9, 11), (blocks((9, 11), ((0, 1), (3, 2)), ((1, 6), (2, 4))), b"d", two),
             (slab((9, 11), None, (5, 0), (2, 2), (2, 3), (1, 1)), b"line", blocks((40,), ((1,), (1,)), ((7,), (2,)), ((20,), (1,)))))
        make(b"deep", (6, 6, 6), (blocks((6, 6, 6), ((0, 0, 0), (2, 2, 3)), ((3, 1, 2), (1, 3, 4)), ((5, 5, 5), (1, 1, 1))),
                                  b"cube", blocks((4, 5, 6), ((0, 1, 1), (2, 2, 2)), ((2, 0, 0), (1, 5, 3)), ((3, 4, 4), (1, 1, 2)))))
        for i in range(20):
            cells = [tuple(map(int, c)) for c in rng.permutation([(y, x) for y in range(8) for x in range(10)])[:30]]
            line = [int(x) for x in rng.permutation(40)[:30]]
            make(b"random%d" % i, (40,), (blocks((40,), *[((x,), (1,)) for x in line]), b"d", blocks((8, 10), *[(c, (1, 1)) for c in cells])))
    return folder + "/irregular.h5"


def compare_mappings(*paths):
    """Source file, source dataset, and both selections."""
    def selection(s):
        if s.get_select_type() == h5py.h5s.SEL_ALL:
            return "all"
        if s.is_regular_hyperslab():
            return [[None if x == h5py.h5s.UNLIMITED else x for x in d] for d in zip(*s.get_regular_hyperslab())]
        return {"blocks": np.asarray(s.get_select_hyper_blocklist()).tolist()}

    count = 0
    for path in paths:
        told = {o["path"]: o for o in listed(path)}
        with h5py.File(path) as f:
            for name in f:
                plist = f[name].id.get_create_plist()
                want = [{"file": plist.get_virtual_filename(i), "dataset": plist.get_virtual_dsetname(i),
                         "from": selection(plist.get_virtual_srcspace(i)), "to": selection(plist.get_virtual_vspace(i))}
                        for i in range(plist.get_virtual_count())]
                assert told[name]["mappings"] == want, (name, told[name]["mappings"], want)
                count += len(want)
    comment("%d mappings" % count)


def virtual_without_end(folder):
    """Extents that the sources settle, sources by number, virtual sources, and links to them."""
    U = h5py.h5s.UNLIMITED
    for i in range(3):
        with h5py.File("%s/b%d.h5" % (folder, i), "w") as f:
            f["d"] = np.arange(6, dtype="<i4").reshape(2, 3) + 10 * i
    with h5py.File(folder + "/u.h5", "w") as f:
        f.create_dataset("d", data=np.arange(21, dtype="<i4").reshape(7, 3), maxshape=(None, 3), chunks=(2, 3))
        f["soft"] = h5py.SoftLink("/g/up")
        f.create_group("g")["up"] = h5py.SoftLink("/d")
    with h5py.File(folder + "/w.h5", "w", libver="latest") as f:
        def make(name, shape, maxshape, *maps):
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_fill_value(np.array(-1, "<i4"))
            for to, file, path, source in maps:
                plist.set_virtual(to, file, path, source)
            h5py.h5d.create(f.id, name, h5py.h5t.STD_I32LE, h5py.h5s.create_simple(shape, maxshape), plist)
        rows, one, block = slab((7, 3), (U, 3), (0, 0), (U, 1), (1, 1), (1, 3)), (1, 1), (2, 3)
        flat = (0, 3), (U, 3)
        whole = slab(block, block, (0, 0), one, one, block)
        make(b"numbered", *flat, (slab(*flat, (0, 0), (U, 1), block, block), b"b%b.h5", b"d", whole))
        make(b"gaps", *flat, (slab(*flat, (1, 0), (U, 1), (3, 3), block), b"b%b.h5", b"d", whole))
        make(b"percent", block, block, (slab(block, block, (0, 0), one, one, block), b"b%%.h5", b"d", whole))
        make(b"rows", *flat, (slab(*flat, (0, 0), (U, 1), one, (1, 3)), b"u.h5", b"d", rows))
        make(b"soft", *flat, (slab(*flat, (0, 0), (U, 1), one, (1, 3)), b"u.h5", b"soft", rows))
        make(b"strided", *flat, (slab(*flat, (1, 0), (U, 1), (5, 3), block), b"u.h5", b"d",
                                 slab((7, 3), (U, 3), (1, 0), (U, 1), (3, 3), block)))
        make(b"cut", (17, 3), (U, 3),
             (slab(*flat, (0, 0), (U, 1), (6, 3), (4, 3)), b"u.h5", b"d", rows),
             (slab((17, 3), (U, 3), (15, 0), one, one, block), b"b1.h5", b"d", whole))
        make(b"longer", (2, 0, 3), (2, U, 3), *[
            (slab((2, 0, 3), (2, U, 3), (k, 0, 0), (1, U, 1), (1, 1, 1), (1, 1, 3)), n, b"d", rows)
            for k, n in enumerate((b"u.h5", b"missing.h5"))])
        make(b"turned", (3, 0), (3, U), (slab((3, 0), (3, U), (0, 0), (1, U), one, (3, 1)), b"u.h5", b"d", rows))
        for k, name in enumerate((b"inner", b"nested")):
            make(name, (6, 3), None, *[(slab((6, 3), None, (2 * i, 0), one, one, block), (b"b%d.h5" % i, b".")[k], (b"d", b"inner")[k],
                                        slab((6, 3), None, (4 - 2 * i, 0), one, one, block) if k else whole) for i in range(3)])
        make(b"alternating", (8, 3), None, *[(slab((8, 3), None, (2 * i, 0), one, one, block), b"b%d.h5" % (i % 2), b"d", whole)
                                             for i in range(4)])
    return folder + "/w.h5"


def virtual_of_other_types(folder):
    """Sources whose numbers the library converts: byte order, width, sign; to floats."""
    kinds = ["<i1", "<u1", ">i2", "<u4", ">i4", "<i8", ">u8", "<f4", ">f8"]
    rng = np.random.default_rng(8)
    colours = {"RED": 1, "GREEN": 2}
    with h5py.File(folder + "/types.h5", "w", libver="latest") as f:
        for kind in kinds:
            t = np.dtype(kind)
            data = rng.integers(0, 256, (40, t.itemsize), dtype=np.uint8)
            data = data.view(t)[:, 0] if t.kind != "f" else rng.normal(0, 1e30, 40).astype(t)
            if t.kind != "f":
                data[:6] = [np.iinfo(t).min, np.iinfo(t).max, 0, 1, 100, np.iinfo(t).max - 1]
            f["source/" + kind] = data
        f.create_dataset("source/enum", data=np.array([1, 2, 1] * 4), dtype=h5py.enum_dtype(colours, basetype=">i2"), maxshape=(None,), chunks=(5,))

        def make(name, source, dtype):
            layout = h5py.VirtualLayout((f[source].size,), dtype)
            layout[:] = h5py.VirtualSource(f[source])
            f.create_virtual_dataset(name, layout)
        for source, kind in itertools.product(kinds, kinds):
            if np.dtype(source).kind != "f" or np.dtype(kind).kind == "f":
                make("%s as %s" % (source, kind), "source/" + source, kind)
        make("enum", "source/enum", h5py.enum_dtype(colours, basetype="<i2"))
        f["source/words"] = np.array(["a", "", "bcd", "h\u00e9"], dtype=object)
        f.create_dataset("source/lists", (3,), h5py.vlen_dtype("<i2"))[:2] = [np.arange(3, dtype="<i2"), np.arange(2, dtype="<i2")]
        for name in ("words", "lists"):
            make(name, "source/" + name, f["source/" + name].dtype)
    return folder + "/types.h5"


def external(folder):
    """The library finds relative files from where it runs; we, beside the archive."""
    os.chdir(folder)
    np.arange(10, dtype="<i4").tofile("raw.bin")
    with h5py.File("e.h5", "w") as f:
        f.create_dataset("x", shape=(8,), dtype="<i4", external=[("raw.bin", 4, 16), ("raw.bin", 24, 16)])
        f.create_dataset("short", shape=(8,), dtype="<i4", external=[("raw.bin", 24, 32)])
    return folder + "/e.h5"


def external_links(folder):
    os.mkdir(folder)
    with h5py.File(os.path.join(folder, "a.h5"), "w") as f:
        f["x"] = h5py.ExternalLink("b.h5", "/g/d")
        f.create_group("sub")["y"] = h5py.ExternalLink("b.h5", "/g/d")
        f["out"] = h5py.ExternalLink("../c.h5", "/d")
        f["absolute"] = h5py.ExternalLink("/c.h5", "/d")
    with h5py.File(os.path.join(folder, "b.h5"), "w") as f:
        f["g/d"] = np.array([7, 8, 9])
    for path in ("a.h5/x", "a.h5/sub/y"):
        assert arrayfs("--cat", folder, path).stdout == np.array([7, 8, 9]).tobytes()
    alone = {o["path"]: o for o in listed(os.path.join(folder, "a.h5"))}
    for path in ("x", "sub/y", "out"):
        assert alone[path]["kind"] == "link" and alone[path]["target"].count("../") <= path.count("/"), alone[path]
        arrayfs("--cat", os.path.join(folder, "a.h5"), path, code=1)
    assert alone["absolute"]["kind"] == "file" and "absolute" in alone["absolute"]["error"]


def never_filled(folder, libver):
    """What was never written is the fill value, unless that was never to be written."""
    with h5py.File(folder + "/f.h5", "w", libver=libver) as f:
        for when in ("never", "alloc", "ifset"):
            for k, how in enumerate(({}, {"chunks": (4,)}, {"chunks": (4,), "compression": "gzip"}, {"chunks": (5,), "maxshape": (None,)})):
                for written in (False, True):
                    d = f.create_dataset("%s/%d%d" % (when, k, written), (10,), "<i4", fillvalue=7, fill_time=when, **how)
                    if written:
                        d[5:7] = 9
            if libver == "latest":
                plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                plist.set_fill_value(np.array(7, "<i4"))
                plist.set_fill_time({"never": h5py.h5d.FILL_TIME_NEVER, "alloc": h5py.h5d.FILL_TIME_ALLOC, "ifset": h5py.h5d.FILL_TIME_IFSET}[when])
                plist.set_virtual(slab((20,), None, (5,), (1,), (1,), (10,)), b".", b"ifset/01", slab((10,), None, (0,), (1,), (1,), (10,)))
                h5py.h5d.create(f[when].id, b"virtual", h5py.h5t.STD_I32LE, h5py.h5s.create_simple((20,)), plist)
    return folder + "/f.h5"


def foreign_filter(folder):
    """A filter that nobody here has: what was not written, or left it out, reads."""
    for name, written in (("without", False), ("with", True)):
        with h5py.File("%s/%s.h5" % (folder, name), "w") as f:
            for n in (8, 0):
                plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                plist.set_chunk((4,))
                plist.set_filter(32026, h5py.h5z.FLAG_OPTIONAL, (1, 2, 3))
                d = h5py.h5d.create(f.id, b"d%d" % n, h5py.h5t.STD_I32LE, h5py.h5s.create_simple((10,)), plist)
                for i in range(0, n, 4):
                    d.write_direct_chunk((i,), np.arange(i, i + 4, dtype="<i4").tobytes(), 1)
                if written:
                    d.write_direct_chunk((8,), b"packed", 0)
    compare("chunks_that_left_out_a_filter", folder + "/without.h5")
    with check("chunks_of_a_filter_that_is_not_built_in_are_errors"):
        p = arrayfs("--cat", folder + "/with.h5", "d8", code=1)
        assert b"the filter blosc2 (32026) is not built in" in p.stderr, p.stderr
        told = {o["path"]: o for o in listed(folder + "/with.h5")}
        assert told["d0"]["size"] == 40 and told["d0"]["codec"] == "blosc2" and "blosc2" in told["d0"]["error"], told


def behind_a_block(path):
    """A user block put before a file that tells nothing of it, but has a superblock extension."""
    with h5py.File(path, "w", libver=("v110", "v110"), fs_strategy="page", fs_persist=True) as f:
        f["d"] = np.arange(5)
    with open(path, "rb") as f:
        data = f.read()
    with open(path, "wb") as f:
        f.write(b"#!/bin/sh\n".ljust(1024) + data)


class ImageConfig(ctypes.Structure):
    _fields_ = [("version", ctypes.c_int), ("generate", ctypes.c_bool), ("resize", ctypes.c_bool), ("ageout", ctypes.c_int)]


def cache_image(path, user_block, image):
    """Metadata that the writer left in the image of its cache, or the same without."""
    fapl = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    fapl.set_libver_bounds(h5py.h5f.LIBVER_LATEST, h5py.h5f.LIBVER_LATEST)
    fcpl = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    fcpl.set_userblock(user_block)
    config = ImageConfig(1, image, False, -1)
    assert LIBRARY.H5Pset_mdc_image_config(ctypes.c_int64(fapl.id), ctypes.byref(config)) >= 0
    with h5py.File(h5py.h5f.create(path.encode(), h5py.h5f.ACC_TRUNC, fcpl, fapl)) as f:
        for i in range(40):
            how = {"chunks": (7,), "maxshape": ((None,), (500,))[i % 2]} if i > 3 else {}
            f.create_dataset("g%d/d%d" % (i % 3, i), data=np.arange(i * 3), **how).attrs["n"] = i
        f["words"] = np.array(["a", "", "b" * 99] * 5, dtype=object)
    with open(path, "rb") as f:
        assert (b"MDCI" in f.read()) == image


def cache_images(folder):
    """The library itself refuses some of its own, so what it wrote without is compared."""
    for block in (0, 512):
        trees = []
        for image in (False, True):
            path = "%s/image-%d%d" % (folder, block, image)
            cache_image(path + ".h5", block, image)
            arrayfs("--extract", path + ".h5", path)
            trees.append({os.path.relpath(os.path.join(top, name), path): open(os.path.join(top, name), "rb").read()
                          for top, _, names in os.walk(path) for name in names})
        assert len(trees[0]) == 42 and trees[0] == trees[1]
        for a, b in zip(*[listed("%s/image-%d%d.h5" % (folder, block, image)) for image in (0, 1)], strict=True):
            for o in (a, b):
                o.pop("stored", None)  # another file
            assert a == b, (a, b)


def driver_information(path, name, beyond=0):
    """A file of version 0 with a driver's information block at its end."""
    with h5py.File(path, "w", libver=("earliest", "v108")) as f:
        f["d"] = np.arange(5)
    with open(path, "r+b") as f:
        at = f.seek(0, 2)
        f.write(struct.pack("<B3xI", 0, 8) + name + bytes(8))
        end = f.tell() + beyond
        f.seek(40)
        f.write(struct.pack("<QQ", end, at))


# --- every type ---------------------------------------------------------------------

def kinds():
    """name: the type, what makes an element (None: any bytes will do), the dtype told."""
    t = h5py.h5t
    rng = np.random.default_rng(9)

    def some(n):
        return bytes(rng.integers(1, 255, n, dtype=np.uint8))

    def compound(size, *fields):
        c = t.create(t.COMPOUND, size)
        for name, at, m in fields:
            c.insert(name, at, m)
        return c

    def floating(size, exp, man, bias, big=False):
        f = (t.IEEE_F64BE if big else t.IEEE_F64LE).copy()
        if size > 8:
            f.set_size(size)
            f.set_precision(8 * size)
        f.set_fields(exp + man, man, exp, 0, man)
        f.set_ebias(bias)
        if size <= 8:
            f.set_precision(8 * size)
            f.set_size(size)
        return f

    def integer(base, size, precision=None, offset=0):
        i = base.copy()
        i.set_size(size)
        for change, to in ((LIBRARY.H5Tset_precision, precision or 8 * size), (LIBRARY.H5Tset_offset, offset)):
            assert change(ctypes.c_int64(i.id), ctypes.c_size_t(to)) >= 0   # of bit fields, too
        return i

    def text(cset, pad, size):
        s = t.C_S1.copy()
        s.set_size(size)
        s.set_cset(cset)
        s.set_strpad(pad)
        return s

    def enum(base, **names):
        e = t.enum_create(base)
        for name, value in names.items():
            e.enum_insert(name.encode(), value)
        return e

    def opaque(size, tag):
        o = t.create(t.OPAQUE, size)
        o.set_tag(tag)
        return o

    word = text(t.CSET_UTF8, t.STR_NULLTERM, t.VARIABLE)
    i2, i4, f4 = t.STD_I16BE, t.STD_I32LE, t.IEEE_F32LE
    pair = compound(20, (b"n", 4, i4), (b"word", 8, word))
    fixed = compound(13, (b"a", 0, t.STD_I8LE), (b"grid", 1, t.array_create(f4, (1, 3))))
    i2s = t.vlen_create(i2)

    def numbers():
        return [some(2) for _ in range(rng.integers(0, 5))]

    def pairs():
        return [{"n": some(4), "word": some(int(rng.integers(0, 9)))} for _ in range(rng.integers(0, 4))]

    yield from {
        "float8 e4m3": (floating(1, 4, 3, 7), None, "float8_e4m3fn"), "float8 e5m2": (floating(1, 5, 2, 15), None, "float8_e5m2"),
        "bfloat16": (floating(2, 8, 7, 127), None, "bfloat16"), "bfloat16 big": (floating(2, 8, 7, 127, True), None, "bfloat16"),
        "odd float": (floating(4, 6, 25, 31), None, "V4"), "x87": (t.NATIVE_LDOUBLE, None, "V16"),
        "quad": (floating(16, 15, 112, 16383), None, "V16"), "quad big": (floating(16, 15, 112, 16383, True), None, "V16"),
        "half complex": (getattr(t, "COMPLEX_IEEE_F16LE", t.IEEE_F16LE), None, None),
        "complex": (getattr(t, "COMPLEX_IEEE_F32LE", t.IEEE_F32LE), None, "complex64" if hasattr(t, "COMPLEX") else None),
        "complex big": (getattr(t, "COMPLEX_IEEE_F64BE", t.IEEE_F64BE), None, "complex128" if hasattr(t, "COMPLEX") else None),
        "three bytes": (integer(t.STD_I32LE, 3), None, "V3"), "wide": (integer(t.STD_U64BE, 16), None, "V16"),
        "narrow": (integer(t.STD_I32LE, 4, 19, 5), None, "V4"), "nine bits": (integer(t.STD_U16LE, 2, 9), None, "uint16"),
        "bits": (t.STD_B16BE, None, "uint16"), "bits of bytes": (t.STD_B8LE, None, "uint8"), "bits within": (integer(t.STD_B32LE, 4, 21, 3), None, "V4"),
        "opaque": (opaque(5, b"five"), None, "V5"), "opaque long": (opaque(300, b""), None, "V300"),
        "time": (t.UNIX_D32LE, None, "V4"), "time big": (t.UNIX_D64BE, None, "V8"),
        "enum": (enum(t.STD_I16BE, MINUS=-1, BIG=300), None, "int16"), "enum wide": (enum(t.STD_U64LE, ONE=1), None, "uint64"),
        "blanks": (text(t.CSET_ASCII, t.STR_SPACEPAD, 7), None, "S7"), "utf-8": (text(t.CSET_UTF8, t.STR_NULLPAD, 9), None, "S9"),
        "object": (t.STD_REF_OBJ, None, "V8"), "region": (t.STD_REF_DSETREG, lambda: bytes(12), "V12"),
        "compound": (compound(24, (b"x", 3, t.IEEE_F64BE), (b"in", 11, fixed)), None, None),
        "arrays": (t.array_create(t.array_create(i2, (2,)), (3, 1)), None, "int16"),
        "array of compounds": (t.array_create(fixed, (2, 2)), None, None),
        "sequences": (i2s, numbers, None), "sequences of sequences": (t.vlen_create(i2s), lambda: [numbers() for _ in range(rng.integers(0, 4))], None),
        "sequences of words": (t.vlen_create(word), lambda: [some(3) for _ in range(rng.integers(0, 4))], None),
        "sequences of compounds": (t.vlen_create(pair), pairs, None), "sequences of arrays": (t.vlen_create(t.array_create(i2, (3,))), lambda: [some(6)] * 2, None),
        "words in compounds": (compound(40, (b"pair", 0, pair), (b"list", 24, t.vlen_create(f4))), lambda: {"pair": {"n": some(4), "word": some(3)}, "list": [some(4)] * 3}, None),
        "arrays of sequences": (t.array_create(i2s, (2,)), lambda: [numbers(), numbers()], None),
        "arrays of words in compounds": (compound(28, (b"a", 0, i4), (b"words", 8, t.array_create(word, (2,)))), lambda: {"a": some(4), "words": [some(2), some(5)]}, None),
    }.items()


def every_type(path, libver):
    """Each type in each storage; what is told of them is returned."""
    rng = np.random.default_rng(10)
    told = {}
    with h5py.File(path, "w", libver=libver) as f:
        for name, (t, make_one, dtype) in kinds():
            g = f.create_group(name)
            for k, (shape, chunk, layout) in enumerate([((), None, None), ((0,), None, None), ((5,), None, None), ((2, 3), None, h5py.h5d.COMPACT),
                                                        ((7,), (3,), None), ((4, 5), (3, 2), None), ((5,), (2,), h5py.h5d.CHUNKED)]):
                plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                if chunk:
                    plist.set_chunk(chunk)
                    plist.set_deflate(3)
                elif layout is not None:
                    plist.set_layout(layout)
                maxshape = (h5py.h5s.UNLIMITED,) + shape[1:] if chunk and layout is not None else shape
                try:
                    d = h5py.h5d.create(g.id, b"d%d" % k, t, h5py.h5s.create_simple(shape, maxshape) if shape else h5py.h5s.create(h5py.h5s.SCALAR), plist)
                except (ValueError, OSError) as fault:
                    if k != 3 and "version out of bounds" not in str(fault):  # or too large to be compact
                        raise
                    continue
                size = d.get_type().get_size()
                n = int(np.prod(shape, dtype=int))
                if make_one is None or k != 5:      # one is left unwritten
                    hdf5_library.write(d, [make_one() if make_one else bytes(rng.integers(0, 255, size, dtype=np.uint8)) for _ in range(n)])
                if dtype:
                    told["%s/d%d" % (name, k)] = dtype
        d = f.create_dataset("target", data=np.arange(24).reshape(4, 6))
        f.create_dataset("regions", data=np.array([d.regionref[1:3], d.regionref[:, 2]], dtype=object), dtype=h5py.regionref_dtype)
        f.create_dataset("objects", data=np.array([d.ref, f["arrays"].ref], dtype=object), dtype=h5py.ref_dtype)
    return told


# --- attributes -------------------------------------------------------------------

def number(x, dtype):
    if dtype.kind in "ui":
        return int(x)
    x = float(x)
    return "NaN" if x != x else "Infinity" if x == float("inf") else "-Infinity" if x == -float("inf") else x


def plain(x, dtype, f):
    """A value as JSON has it."""
    h = h5py.check_dtype
    if h(ref=dtype):
        return None if not x else f[x].name
    if h(vlen=dtype) and h5py.check_string_dtype(dtype):
        return x if isinstance(x, str) else x.decode("utf-8", "surrogateescape")
    if h(vlen=dtype):
        return [plain(y, h(vlen=dtype), f) for y in x]
    if dtype.subdtype:
        return plain_array(x, dtype.subdtype[0], f)
    if dtype.kind == "S":
        return x.rstrip(b"\0").decode()
    if dtype.kind == "V" and dtype.names:
        return {n: plain(x[n], dtype[n], f) for n in dtype.names}
    if dtype.kind == "V":
        return x.tobytes().hex()
    if dtype.kind == "c":
        part = np.dtype("f%d" % (dtype.itemsize // 2))
        return [number(x.real, part), number(x.imag, part)]
    if dtype.kind == "b":
        return int(x)
    return number(x, dtype)


def plain_array(x, dtype, f):
    if not isinstance(x, np.ndarray):
        return plain(x, dtype, f)
    if x.ndim == 0:
        return plain(x[()], dtype, f)
    return [plain_array(y, dtype, f) if x.ndim > 1 else plain(y, dtype, f) for y in x]


def alike(a, b):
    """JSON of ours, whose floats are the shortest of their own type, and of h5py's."""
    if isinstance(a, float) and isinstance(b, float):
        with np.errstate(over="ignore"):
            return a == b or any(t(a) == t(b) for t in (np.float16, np.float32) if np.isfinite(t(b)) and t(b) == b)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(alike, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(alike(a[k], b[k]) for k in a)
    return type(a) is type(b) and a == b


def make_attributes(path, libver, dense):
    """A dataset for each attribute of a kind; and one that has them all."""
    rng = np.random.default_rng(6)
    with h5py.File(path, "w", libver=libver, track_order=dense) as f:
        f["target"] = np.arange(3)
        all_of_them = f.create_dataset("all", data=0)
        f["empty"] = 0
        kinds = {}
        for i, dtype in enumerate(TYPES + [[("v", h5py.string_dtype()), ("w", h5py.vlen_dtype("<f4"))], np.dtype(("<i2", (2, 3)))]):
            for k, shape in enumerate([(), (1,), (5,), (2, 3), (0,), (3, 0)]):
                dtype = np.dtype(dtype)
                if dtype.names == ("v", "w"):
                    data = np.zeros(shape, dtype)
                    for at in np.ndindex(shape):
                        data[at] = ("x\u00e9" * at[-1] if at else "one", np.arange(len(at), dtype="<f4"))
                else:
                    data = values(dtype, shape, rng) if not dtype.subdtype else np.ones(shape + (2, 3), "<i2")
                kinds["t%d_%d" % (i, k)] = (data, dtype if dtype.subdtype else data.dtype, data.shape)
        words = np.array(["", "a", "h\u00e9\n\"\\"], dtype=object)
        kinds["words"] = (words, h5py.string_dtype(), (3,))
        kinds["word"] = ("h\u00e9\n", h5py.string_dtype(), ())
        kinds["ascii"] = ("abc", h5py.string_dtype("ascii"), ())
        kinds["utf8_fixed"] = ("h\u00e9".encode(), h5py.string_dtype("utf-8", 8), ())
        kinds["none"] = (h5py.Empty("f8"), None, None)
        kinds["ref"] = (f["target"].ref, h5py.ref_dtype, ())
        kinds["enum"] = (np.array([1, 0, 1], "<u2"), h5py.enum_dtype({"A": 0, "B": 1}, basetype="<u2"), (3,))
        kinds["long"] = ("x" * 60000, h5py.string_dtype(), ())
        if dense:
            kinds["larger"] = (np.arange(40000), np.dtype("<i8"), (40000,))
        for name, (data, dtype, shape) in kinds.items():
            for d in (f.create_dataset("of/" + name, data=0), all_of_them):
                if shape is None:
                    d.attrs[name] = data
                else:
                    d.attrs.create(name, data, shape=shape, dtype=dtype)
        refs = np.array([np.array([f["target"].ref, f["all"].ref], dtype=object), np.array([f["empty"].ref], dtype=object)], dtype=object)
        f["of/ref"].attrs.create("list", refs, dtype=h5py.vlen_dtype(h5py.ref_dtype))
        return len(kinds)


def compare_attributes(path):
    told = {o["path"]: o.get("attributes", {}) for o in listed(path)}
    count = 0
    with h5py.File(path) as f:
        def visit(name, d):
            nonlocal count
            if not isinstance(d, h5py.Dataset):
                return
            have = told[name]
            assert sorted(have) == sorted(d.attrs), (name, sorted(have), sorted(d.attrs))
            for key in d.attrs:
                value = d.attrs[key]
                want = None if isinstance(value, h5py.Empty) else plain_array(value, h5py.h5a.open(d.id, key.encode()).dtype, f)
                assert alike(have[key], want), (name, key, have[key], want)
                count += 1
        f.visititems(visit)
    return count


def compare_links(path):
    """Names and targets of the links of every group."""
    told = {o["path"]: o for o in listed(path)}
    count = 0
    with h5py.File(path) as f:
        for group in f:
            for name in f[group]:
                link = f[group].get(name, getlink=True)
                if len(name) < 240:
                    have = told.pop(group + "/" + name)
                    if isinstance(link, h5py.SoftLink):
                        assert os.path.normpath(os.path.join("/", group, have["target"])) == link.path, (name, have, link.path)
                count += 1
    assert len(told) == sum(len(p) > 240 for p in told), list(told)
    comment("%d links" % count)
    return count


def pages(path, evict=False):
    """Pages of the file in the page cache; after having put them all out, if asked."""
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    size = os.path.getsize(path)
    with open(path, "rb") as f:
        if evict:
            os.fsync(f.fileno())
            os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        at = libc.mmap(None, size, 1, 1, f.fileno(), 0)
        states = ctypes.create_string_buffer(-(-size // 4096))
        libc.mincore(at, size, states)
        libc.munmap(at, size)
    return sum(x & 1 for x in states.raw[:-(-size // 4096)])


def read_ahead(path):
    """Pages that the kernel reads around one that is missing."""
    dev = os.stat(path).st_dev
    try:
        with open("/sys/class/bdi/%d:%d/read_ahead_kb" % (os.major(dev), os.minor(dev))) as f:
            return int(f.read()) // 4
    except OSError:
        return 32


def touches_little(path, *command):
    """Only a part of the file is looked at, read-ahead included; -> what the command printed."""
    if pages(path, evict=True):
        comment("this file system keeps its pages")
    before = pages(path)
    out = subprocess.run([ARRAYFS, *command], capture_output=True, check=True).stdout
    after, size = pages(path), os.path.getsize(path) // 4096
    comment("%s: %d of %d pages" % (os.path.basename(path), after, size))
    if read_ahead(path) > size / 16:
        comment("which tells nothing: this disk reads %d pages ahead" % read_ahead(path))
        return out
    assert before or after < size / 4, (path, after, size)
    return out


def large(tmp):
    """300,000 chunks behind each index, one read; 20,000 objects, one group listed."""
    n, U = len(sampled(range(300000))), h5py.h5s.UNLIMITED
    for kind, shape, most, chunk, libver in (("btree1", (n,), (n,), (1,), ("earliest", "v108")), ("fixed_array", (n,), (n,), (1,), "latest"),
                                             ("extensible_array", (n,), (U,), (1,), "latest"),
                                             ("btree2", (n // 10, 10), (U, U), (1, 1), "latest")):
        path = os.path.join(tmp, kind + ".h5")
        with h5py.File(path, "w", libver=libver) as f:
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_chunk(chunk)
            plist.set_fill_value(np.array(7, "<i4"))
            plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY if kind != "fixed_array" else h5py.h5d.ALLOC_TIME_INCR)
            d = h5py.Dataset(h5py.h5d.create(f.id, b"d", h5py.h5t.STD_I32LE, h5py.h5s.create_simple(shape, most), plist))
            if kind == "fixed_array":
                d[::50] = 7
            d[n // 20] = 9
            want = d[n // 20:n // 20 + 2].tobytes()
        assert touches_little(path, "--cat", "--rows", "%d:%d" % (n // 20, n // 20 + 2), path, "d") == want
    for libver in (("earliest", "v108"), "latest"):
        path = os.path.join(tmp, "objects.h5")
        with h5py.File(path, "w", libver=libver) as f:
            for i in range(100):
                g = f.create_group("g%02d" % i)
                for k in range(200):
                    g["d%03d" % k] = np.int32(k)
        assert len(touches_little(path, "--list", path, "g57").splitlines()) == 200


def compare_details(path):
    """Layout, chunks, filters, bytes in the file and fill value."""
    names = {h5py.h5d.COMPACT: "compact", h5py.h5d.CONTIGUOUS: "contiguous", h5py.h5d.CHUNKED: "chunked", h5py.h5d.VIRTUAL: "virtual"}
    told = {o["path"]: o for o in listed(path)}
    count = 0
    with h5py.File(path) as f:
        def visit(name, d):
            nonlocal count
            if not isinstance(d, h5py.Dataset) or name not in told or "layout" not in told[name]:
                return
            have, plist = told[name], d.id.get_create_plist()
            assert have["layout"] == names[plist.get_layout()], (name, have)
            assert have.get("chunks") == (list(d.chunks) if d.chunks else None), (name, have)
            assert have.get("maxshape") == (list(d.maxshape) if d.maxshape != d.shape else None), (name, have, d.maxshape)
            filters = [plist.get_filter(i) for i in range(plist.get_nfilters())]
            assert [(x["id"], x["options"]) for x in have.get("filters", [])] == [(x[0], list(x[2])) for x in filters], (name, have, filters)
            if "storage_size" in have:
                assert have["storage_size"] == d.id.get_storage_size(), (name, have, d.id.get_storage_size())
            if d.dtype.kind in "iu":
                assert have["fill_value"] == d.fillvalue, (name, have, d.fillvalue)
            count += 1
        f.visititems(visit)
    comment("%d datasets" % count)
    assert count


def huge_attributes(path):
    """One too large to be told is named, and those beside it are told."""
    with h5py.File(path, "w", libver="latest") as f:
        d = f.create_dataset("d", data=1)
        d.attrs["one"] = 1
        d.attrs["huge"] = np.zeros(100 << 20, "u1")
        d.attrs["text"] = "x" * (5 << 20)
        d.attrs["two"] = 2
    told, = listed(path)
    assert told["attributes"] == {"one": 1, "text": "x" * (5 << 20), "two": 2}
    assert "no memory for 1048576" in told["error"], told["error"]


def many_attributes(path):
    """So many that the heap has blocks below blocks, which are read again and again."""
    count = 20000
    with h5py.File(path, "w", libver="latest") as f:
        d = f.create_dataset("d", data=1)
        space = h5py.h5s.create(h5py.h5s.SCALAR)
        for i in range(count):
            h5py.h5a.create(d.id, b"a%d" % i, h5py.h5t.STD_I32LE, space).write(np.array(i, "<i4"))
    told, = listed(path)
    assert told["attributes"] == {"a%d" % i: i for i in range(count)}


def links_too_long(path):
    """A system's links are of 4,095 bytes at most, HDF5's of any length."""
    with h5py.File(path, "w") as f:
        f["long"] = h5py.SoftLink("/" + "/".join(["t" * 100] * 60))
        f["fits"] = h5py.SoftLink("/" + "/".join(["t" * 99] * 40))
    told = {o["path"]: o for o in listed(path)}
    assert told["fits"]["target"] == "/".join(["t" * 99] * 40), told["fits"]
    assert "target" not in told["long"] and "a link to a path of" in told["long"]["error"], told["long"]
    for args in (["--cat", path, "long"], ["--cat", path, "lo*"], ["--cat", path, "long/x"], ["--extract", path, path + ".out", "long"]):
        r = subprocess.run([ARRAYFS, *args], capture_output=True)
        assert r.returncode == 1 and b"long" in r.stderr and b"a link to a path of" in r.stderr, (args, r)


def packed_in_bits(path):
    """n-bit of what it does not pack: whole elements, and members beside ones that it does."""
    T = h5py.h5t
    text = T.C_S1.copy()
    text.set_size(3)
    few = T.STD_I32LE.copy()
    few.set_precision(13)
    few.set_offset(3)
    some = T.array_create(text, (2, 2))
    mixed = T.create(T.COMPOUND, 24)
    for name, offset, t in ((b"a", 1, some), (b"b", 14, few), (b"c", 20, text)):
        mixed.insert(name, offset, t)
    rng = np.random.default_rng(3)
    with h5py.File(path, "w") as f:
        for name, t in ((b"text", text), (b"some", some), (b"mixed", mixed), (b"all", T.create(T.OPAQUE, 5))):
            dcpl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            dcpl.set_chunk((4,))
            dcpl.set_filter(5, 0, ())
            d = h5py.h5d.create(f.id, name, t, h5py.h5s.create_simple((9,)), dcpl)
            bytes_ = rng.integers(0, 256, size=9 * t.get_size()).astype("u1").tobytes()
            assert hdf5_library.LIBRARY.H5Dwrite(d.id, t.id, 0, 0, 0, bytes_) >= 0
    return path


def many_links(path):
    """So many in one group that their names fill more blocks than can be kept apart."""
    with h5py.File(path, "w", libver="latest") as f:
        g = f.create_group("g")
        for i in range(60000):
            g.id.links.create_soft(b"layer_%06d_of_many_with_a_long_name" % i, b"/x")
        names = ["g/" + name for name in g]
    assert [o["path"] for o in listed(path)] == names


def sequences_never_written(path):
    """They take no room in the file, so there may be any number; a sum over all must end."""
    with h5py.File(path, "w") as f:
        f.create_dataset("nothing", (1 << 40,), h5py.string_dtype())
        f.create_dataset("no_chunk", (1 << 40,), h5py.vlen_dtype("<i4"), chunks=(1000,))
        for name, n in (("some", 10_000_000), ("too_many", 1 << 33)):
            f.create_dataset(name, (n,), h5py.string_dtype(), chunks=(10_000,))[1000:1003] = ["one", "", "three"]
    told = {o["path"]: o for o in listed(path)}
    assert told["nothing/offsets"]["size"] == told["no_chunk/offsets"]["size"] == 8 * ((1 << 40) + 1), told
    assert told["nothing/values"]["size"] == told["no_chunk/values"]["size"] == 0
    for name in ("nothing", "no_chunk"):
        assert arrayfs("--cat", "--rows", "1099511627770:1099511627777", path, name + "/offsets").stdout == bytes(56)
        assert arrayfs("--cat", path, name + "/values").stdout == b""
    assert arrayfs("--cat", path, "some/values").stdout == b"onethree"
    got = np.frombuffer(arrayfs("--cat", "--rows", "999:1006", path, "some/offsets").stdout, "<i8")
    assert got.tolist() == [0, 0, 3, 3, 8, 8, 8], got
    said = arrayfs("--cat", path, "too_many/values", code=1).stderr.decode()
    assert "8589934592 sequences in a file of %d bytes are too many" % os.path.getsize(path) in said, said


def compare(name, *files):
    with check(name):
        run = Run(ARRAYFS)
        for file in files:
            run.file(file)
        comment("same %d, different %d, not shown %d, skipped %d" % (run.same, run.differ, run.refused, run.skipped))
        assert run.same and not run.differ and not run.refused


def messages_that_must_be_known(path):
    """A message of a type to come, in the place of an empty one, with and without the flag."""
    for flags in (0, 0x80):
        with h5py.File(path, "w", libver=("earliest", "v108")) as f:
            f["d"] = np.arange(3, dtype="<i4")
            f["e"] = np.arange(3, dtype="<i4")
            at = h5py.h5o.get_info(f["d"].id).addr
        with open(path, "r+b") as f:
            data = bytearray(f.read())
            count, size = struct.unpack_from("<xxH4xI", data, at)
            at += 16
            for _ in range(count):
                kind, length = struct.unpack_from("<HH", data, at)
                if kind == 0:
                    struct.pack_into("<HHB", data, at, 31, length, flags)
                at += 8 + length
            f.seek(0)
            f.write(data)
        told = {o["path"]: o for o in listed(path)}
        with h5py.File(path) as f:
            try:
                f["d"]
                opens = True
            except KeyError:
                opens = False
            assert opens == (flags == 0) and ("error" not in told["d"]) == opens and "error" not in told["e"], told


def refused_by_both(path, why):
    try:
        h5py.File(path).close()
    except OSError:
        assert why in arrayfs("--list", path, code=1).stderr.decode()
        return
    raise AssertionError("h5py opens it")


def main():
    if sys.argv[1:]:
        compare("files_as_named", *sys.argv[1:])
        return
    with tempfile.TemporaryDirectory() as tmp:
        for bound in (("earliest", "v108"), ("v110", "v110"), ("latest", "latest")):
            path = os.path.join(tmp, bound[1] + ".h5")
            make(path, bound)
            compare("matrix_" + bound[1], path)
            with check("details_" + bound[1]):
                compare_details(path)
        for bound in (("earliest", "v108"), ("v110", "v110"), ("latest", "latest")):
            path = os.path.join(tmp, "types.h5")
            dtypes = every_type(path, bound)
            compare("every_type_" + bound[1], path)
            with check("dtypes_" + bound[1]):
                told = {o["path"]: o for o in listed(path)}
                assert dtypes == {k: told[k]["dtype"] for k in dtypes}, {k: (v, told[k]["dtype"]) for k, v in dtypes.items() if v != told[k]["dtype"]}
        path = os.path.join(tmp, "early.h5")
        early(path)
        compare("allocated_early", path)
        with check("details_early"):
            compare_details(path)
        compare("virtual_datasets", virtual(tmp))
        compare("virtual_datasets_of_blocks", virtual_of_blocks(tmp))
        compare("virtual_datasets_without_end", virtual_without_end(tmp))
        with check("virtual_datasets_mappings"):
            compare_mappings(*(os.path.join(tmp, name) for name in ("v.h5", "irregular.h5", "w.h5")))
        compare("virtual_datasets_of_other_types", virtual_of_other_types(tmp))
        with check("large_files_are_not_read_whole"):
            large(tmp)
        with check("filtered_heaps"):
            assert compare_links(os.path.join(os.environ["TEST_DATA"], "hdf5", "filtered.h5")) == 263
        compare("packed_in_bits", packed_in_bits(os.path.join(tmp, "bits.h5")))
        with check("groups_of_many_links"):
            many_links(os.path.join(tmp, "many.h5"))
        with check("sequences_never_written"):
            sequences_never_written(os.path.join(tmp, "sequences.h5"))
        compare("external_files", external(tmp))
        for libver in (("earliest", "v108"), "latest"):
            compare("never_filled_" + libver[-1] if libver != "latest" else "never_filled_latest", never_filled(tmp, libver))
        foreign_filter(tmp)
        behind_a_block(os.path.join(tmp, "block.h5"))
        compare("user_block_that_the_file_does_not_know", os.path.join(tmp, "block.h5"))
        with check("metadata_in_a_cache_image"):
            cache_images(tmp)
        compare("metadata_without_a_cache_image", os.path.join(tmp, "image-00.h5"))
        driver_information(os.path.join(tmp, "driver.h5"), b"Elsewher")
        compare("information_of_a_driver_that_wraps_others", os.path.join(tmp, "driver.h5"))
        with check("files_that_drivers_split_are_refused"):
            for name, beyond in ((b"NCSAmult", 0), (b"NCSAfami", 0), (b"Subfilin", 100)):
                driver_information(os.path.join(tmp, "driver.h5"), name, beyond)
                refused_by_both(os.path.join(tmp, "driver.h5"), "split into several by a driver")
        with check("messages_that_must_be_known"):
            messages_that_must_be_known(os.path.join(tmp, "unknown.h5"))
        with check("external_links_lead_to_siblings_and_never_out"):
            external_links(os.path.join(tmp, "links"))
        with check("links_too_long_are_errors_not_cut"):
            links_too_long(os.path.join(tmp, "long.h5"))
        for bound, dense in ((("earliest", "v108"), False), (("v110", "v110"), True), ("latest", True)):
            with check("attributes_%s" % bound[-1] if bound != "latest" else "attributes_latest"):
                path = os.path.join(tmp, "attributes.h5")
                kinds = make_attributes(path, bound, dense)
                assert compare_attributes(path) >= 2 * kinds
        with check("attributes_that_are_huge"):
            huge_attributes(os.path.join(tmp, "huge.h5"))
        with check("attributes_that_are_many"):
            many_attributes(os.path.join(tmp, "many.h5"))
        os.chdir("/")
    with check("files_of_others"):
        files = [p for end in ("h5", "hdf5", "nc") for p in others("**/*." + end)]
        run = Run(ARRAYFS)
        for file in files:
            run.file(file)
        comment("same %d, different %d, not shown %d, skipped %d" % (run.same, run.differ, run.refused, run.skipped))
        assert (run.same or not files) and not run.differ


if __name__ == "__main__":
    main()
    done()
