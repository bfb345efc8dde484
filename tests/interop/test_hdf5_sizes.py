#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every kind of HDF5 metadata where addresses and lengths are of 2, 4 and 8 bytes, in
each combination and with each bound on the format's version: all values and all
attributes as h5py reads them.  What is one size of two only in files of 8 and 8 shows
in no other test."""
import ctypes
import itertools
import json
import os

from tap import arrayfs, check, comment, done, folder, listed, need, sampled, skip_all

h5py, np = need("h5py", "numpy")
try:
    import hdf5_library
except ImportError as e:    # h5py's library is not a file of its own
    skip_all(str(e))

WIDTHS = (2, 4, 8)
F, D, P = h5py.h5f, h5py.h5d, h5py.h5p
BOUNDS = {"old": (F.LIBVER_EARLIEST, F.LIBVER_LATEST), "v108": (F.LIBVER_V18,) * 2, "v110": (F.LIBVER_V110,) * 2,
          "latest": (F.LIBVER_LATEST,) * 2}


def create(path, address, length, bounds, sohm=False):
    fcpl, fapl = P.create(P.FILE_CREATE), P.create(P.FILE_ACCESS)
    fcpl.set_sizes(address, length)
    fapl.set_libver_bounds(*BOUNDS[bounds])
    if sohm:                                  # shared messages: one index, of every type
        library, plist = hdf5_library.LIBRARY, ctypes.c_int64(fcpl.id)
        library.H5Pset_shared_mesg_nindexes(plist, ctypes.c_uint(1))
        library.H5Pset_shared_mesg_index(plist, ctypes.c_uint(0), ctypes.c_uint(0x1f), ctypes.c_uint(8))
    return h5py.File(F.create(os.fsencode(path), F.ACC_TRUNC, fcpl=fcpl, fapl=fapl))


# --- kinds: each fits a file of 64 KiB ----------------------------------------------

def groups(f):
    f["x"] = np.arange(3, dtype="<i4")
    f["g/h/y"] = np.float32(2.5)
    f["g/same"] = f["x"]
    f["g/soft"] = h5py.SoftLink("/x")
    f["g/out"] = h5py.ExternalLink("other.h5", "/y")
    f["again"] = f["g"]


def many_links(f):
    """More than one symbol node, or dense."""
    for i in range(40):
        f["many/n%02d" % i] = np.uint8(i)


def attributes(f):
    d = f.create_dataset("d", data=np.arange(5, dtype=">u2"))
    for a in (f.attrs, d.attrs):
        a["text"], a["texts"], a["fixed"] = "h\u00e9", np.array(["a", "bc", ""], dtype=object), np.bytes_("abc")
        a["number"], a["row"], a["none"] = np.int16(-7), np.arange(4) / 4, h5py.Empty("<i4")
        a.create("lists", np.array([np.array([1, 2], "<i4"), np.array([3], "<i4")], dtype=object), dtype=h5py.vlen_dtype("<i4"))
        a.create("object", d.ref, dtype=h5py.ref_dtype)
        a.create("region", d.regionref[1:3], dtype=h5py.regionref_dtype)
        a["pair"] = np.array((1, 2.5), dtype=[("i", "<i2"), ("f", ">f4")])


def dense_attributes(f):
    d = f.create_dataset("d", data=np.uint8(1))
    for i in range(20):
        d.attrs["a%02d" % i] = np.arange(i + 1, dtype="<i2")
    d.attrs["large"] = np.arange(1000, dtype="<i2")
    d.attrs["text"] = ["x", "yz"]
    if f.libver[0] != "earliest":
        d.attrs["huge"] = np.arange(6000, dtype="<i2")


def sequences(f):
    f.create_dataset("text", data=["one", "three", "", "x" * 300], dtype=h5py.string_dtype())
    f.create_dataset("filled", shape=(5,), dtype=h5py.string_dtype(), fillvalue="fill", chunks=(2,))
    d = f.create_dataset("lists", (4,), dtype=h5py.vlen_dtype(">i2"), chunks=(3,), maxshape=(None,))
    d[0], d[1], d[3] = [1, 2], [3], list(range(40))
    t = h5py.h5t.create(h5py.h5t.COMPOUND, 32)
    t.insert(b"i", 0, h5py.h5t.STD_I32LE)
    t.insert(b"t", 8, h5py.h5t.py_create(h5py.string_dtype(), logical=True))
    t.insert(b"l", 16, h5py.h5t.vlen_create(h5py.h5t.STD_U8LE))
    d = D.create(f.id, b"mixed", t, h5py.h5s.create_simple((3,)))
    hdf5_library.write(d, [{"i": bytes([i, 0, 0, 0]), "t": b"t%d" % i, "l": [b"\1", b"\2"][:i]} for i in range(3)])
    nested = h5py.h5t.vlen_create(h5py.h5t.vlen_create(h5py.h5t.STD_I16LE))
    d = D.create(f.id, b"nested", nested, h5py.h5s.create_simple((2,)))
    hdf5_library.write(d, [[[b"\1\0", b"\2\0"], []], [[b"\3\0"]]])


def references(f):
    f["x"] = np.arange(12, dtype="<i4").reshape(3, 4)
    f["r"] = np.array([f["x"].ref, h5py.Reference(), f["/"].ref], dtype=h5py.ref_dtype)
    d = f.create_dataset("regions", (2,), dtype=h5py.regionref_dtype)
    d[0] = f["x"].regionref[1:3, :2]


def types(f):
    f["compound"] = np.array([(1, 2.5, b"ab", [1, 2], (3, 4j))], dtype=[("i", "<i2"), ("f", ">f4"), ("s", "S3"), ("m", "u1", (2,)),
                                                                       ("n", [("x", "<i8"), ("c", "<c8")])])
    f.create_dataset("enum", data=np.array([0, 1], "u1"), dtype=h5py.enum_dtype({"RED": 0, "GREEN": 1}, basetype="u1"))
    f["type"] = np.dtype("<f8")
    f.create_dataset("committed", data=np.arange(3.0), dtype=f["type"])
    f["committed"].attrs.create("a", 1.5, dtype=f["type"])
    f["opaque"] = np.array([b"abcd"], "V4")
    f["null"] = h5py.Empty("<f4")
    f["scalar"] = np.float16(0.5)
    f["nothing"] = np.zeros((0, 3), "<i4")
    plist = P.create(P.DATASET_CREATE)
    plist.set_layout(D.COMPACT)
    D.create(f.id, b"compact", h5py.h5t.STD_I32LE, h5py.h5s.create_simple((4,)), plist).write(
        h5py.h5s.ALL, h5py.h5s.ALL, np.arange(4, dtype="<i4"))


def chunk_indexes(f, **filters):
    data = np.arange(210, dtype="<u2")
    f.create_dataset("single", data=data, chunks=(210,), **filters)
    f.create_dataset("fixed", data=data.reshape(14, 15), chunks=(4, 4), **filters)
    f.create_dataset("extensible", data=data, chunks=(3,), maxshape=(None,), **filters)
    f.create_dataset("btree", data=data.reshape(14, 15), chunks=(5, 5), maxshape=(None, None), **filters)
    d = f.create_dataset("holes", (40,), "<i4", chunks=(7,), maxshape=(None,), fillvalue=-5, **filters)
    d[10:12] = 1
    plist = P.create(P.DATASET_CREATE)
    plist.set_chunk((4,))
    plist.set_alloc_time(D.ALLOC_TIME_EARLY)
    d = D.create(f.id, b"implicit", h5py.h5t.STD_U16LE, h5py.h5s.create_simple((210,)), plist)
    d.write(h5py.h5s.ALL, h5py.h5s.ALL, data)


def filtered(f):
    chunk_indexes(f, compression="gzip", shuffle=True, fletcher32=True)


def lzf(f):
    chunk_indexes(f, compression="lzf")


def paged(f):
    """Indexes so large that they are cut into pages."""
    f.create_dataset("fixed", data=np.arange(2100, dtype="u1"), chunks=(1,))
    f.create_dataset("extensible", (1600,), "u1", chunks=(1,), maxshape=(None,))[1500:] = np.arange(100, dtype="u1")


def deep_chunks(f):
    f.create_dataset("btree", data=np.arange(900, dtype="<u2").reshape(30, 30), chunks=(2, 2), maxshape=(None, None))


def deep_filtered_chunks(f):
    f.create_dataset("btree", data=np.arange(400, dtype="<u2").reshape(20, 20), chunks=(1, 1), maxshape=(None, None), shuffle=True)


def external(f):
    for i in range(2):
        np.arange(6, dtype="<i4").tofile(os.path.join(os.path.dirname(f.filename), "raw%d" % i))
    f.create_dataset("d", (9,), "<i4", external=[("raw0", 4, 16), ("raw1", 0, 20)])


def virtual(f):
    f["s"] = np.arange(12, dtype="<i4").reshape(3, 4)
    layout = h5py.VirtualLayout((4, 4), "<i4")
    layout[0:3] = h5py.VirtualSource(".", "s", (3, 4))
    f.create_virtual_dataset("whole", layout, fillvalue=-1)
    layout = h5py.VirtualLayout((6,), "<i4")
    layout[0:4:2] = h5py.VirtualSource(".", "s", (3, 4))[0:2, 1]
    f.create_virtual_dataset("picked", layout, fillvalue=7)


def fill_values(f):
    f.create_dataset("number", (4,), ">i4", fillvalue=99)
    f.create_dataset("chunks", (9,), "<f8", fillvalue=0.5, chunks=(4,))
    f.create_dataset("compound", (2,), [("a", "<i2"), ("b", "<f4")], fillvalue=np.array((7, 1.5), [("a", "<i2"), ("b", "<f4")]))


def header_blocks(f):
    """Attributes one by one: the header goes on elsewhere."""
    d = f.create_dataset("d", data=np.arange(3))
    for i in range(7):
        d.attrs["a%d" % i] = "v" * (10 + 60 * i)
        f.flush()


def changed(f):
    """What was deleted and grown again leaves holes in heaps."""
    d = f.create_dataset("text", (6,), dtype=h5py.string_dtype(), maxshape=(None,), chunks=(2,))
    for n in (10, 300, 5, 40):
        d[:] = ["%d" % i * n for i in range(6)]
    for i in range(12):
        f["n%02d" % i] = np.uint8(i)
    for i in range(0, 12, 2):
        del f["n%02d" % i]
    d.resize((9,))


def shared_messages(f):
    for i in range(12):
        d = f.create_dataset("d%02d" % i, data=np.arange(20, dtype="<i4"), chunks=(7,), compression="gzip", fillvalue=3)
        d.attrs["a shared attribute"] = np.arange(30)


KINDS = [groups, many_links, attributes, dense_attributes, sequences, references, types, chunk_indexes, filtered, lzf, paged, deep_chunks,
         deep_filtered_chunks, external, virtual, fill_values, header_blocks, changed, shared_messages]


# --- comparing ------------------------------------------------------------------------

def plain(value, f):
    """An attribute as its JSON has it."""
    if isinstance(value, h5py.Empty):
        return None
    if isinstance(value, (h5py.Reference, h5py.RegionReference)):
        return f[value].name if value else None
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.void) and value.dtype.names:
        return {n: plain(value[n], f) for n in value.dtype.names}
    if isinstance(value, (np.ndarray, list)):
        return [plain(x, f) for x in value]
    return value.item() if isinstance(value, np.generic) else value


def expected(d, path):
    """References as stored: in memory they have 8 bytes of address, whatever the file has.
    Those to regions are looked at as attributes alone."""
    t = d.id.get_type()
    if t.get_class() != h5py.h5t.REFERENCE:
        return hdf5_library.expected(d, path)
    if t.equal(h5py.h5t.STD_REF_DSETREG):
        return {path: None}
    width = d.file.id.get_create_plist().get_sizes()[0]
    return {k: np.frombuffer(v, np.uint8).reshape(-1, 8)[:, :width].tobytes() for k, v in hdf5_library.expected(d, path).items()}


def every_path(g, above=(), path=""):
    """Objects by each path that the mount has: links to groups above are links there."""
    for name in g:
        if not isinstance(g.get(name, getlink=True), h5py.HardLink):
            continue
        o = g[name]
        yield path + name, o
        if isinstance(o, h5py.Group) and o.id not in above:
            yield from every_path(o, above + (o.id,), path + name + "/")


def everything(f):
    """What the library reads: {path: ({file: bytes}, {attribute: value})}."""
    return {name: (expected(o, name) if isinstance(o, h5py.Dataset) else {}, {k: plain(v, f) for k, v in o.attrs.items()})
            for name, o in [("", f), *every_path(f, (f.id,))]}


def compare(path, want):
    """The number of arrays and attributes."""
    dest = str(path) + ".out"
    arrayfs("--extract", path, dest)
    told = {o["path"]: o for o in listed(path)}
    arrays = attributes = 0
    for name, (files, attrs) in want.items():
        where = "%s: %s" % (os.path.basename(path), name)
        for p, data in files.items():
            if data is not None:
                with open(os.path.join(dest, p), "rb") as file:
                    have = file.read()
                assert have == data, f"{where}: {have[:40]} is not {data[:40]}"
                arrays += 1
        if attrs:
            have = told[name] if name in told else json.loads(
                arrayfs("--cat", path, ".arrayfs/json/%s.json" % name if name else ".arrayfs/archive.json").stdout)
            assert have.get("attributes") == attrs, f"{where}: {have.get('attributes')} is not {attrs}"
            attributes += len(attrs)
    return arrays, attributes


def make(path, kind, bounds, address, length):
    """What it is to show: as the library reads it again or, where the library has forgotten
    that a dimension has no end, as it read it before it closed the file.  None where it
    writes what nobody can read: files over 64 KiB, and heaps whose blocks of 64 KiB have a
    size of 2 bytes."""
    try:
        with create(path, address, length, bounds, kind is shared_messages) as f:
            kind(f)
            want = everything(f)
        with h5py.File(path) as f:
            return everything(f)
    except (OSError, RuntimeError, ValueError, KeyError) as why:
        if "unlimited dimension" in str(why):
            assert length < 8
            return want
        assert "heap object size" in str(why) and length == 2 or "bad object header" in str(why) and address == 2 or (
            "layout version out of bounds" in str(why) and kind is virtual), why


def combination(tmp, address, length):
    arrays = attributes = left_out = 0
    os.chdir(tmp)                             # where the library looks for external files
    for bounds in BOUNDS:
        for kind in KINDS:
            path = tmp / ("%s-%s-%d-%d.h5" % (kind.__name__, bounds, address, length))
            want = make(path, kind, bounds, address, length)
            n = compare(path, want) if want else (0, 0)
            arrays, attributes, left_out = arrays + n[0], attributes + n[1], left_out + (want is None)
    comment("%d arrays, %d attributes; %d files left out" % (arrays, attributes, left_out))
    assert (arrays, attributes) >= ((260, 70) if length == 2 else (500, 250)), (arrays, attributes)


if __name__ == "__main__":
    with folder() as tmp:
        for address, length in sampled(itertools.product(WIDTHS, WIDTHS)):
            with check("addresses_of_%d_lengths_of_%d" % (address, length)):
                combination(tmp, address, length)
    done()
