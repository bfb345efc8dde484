#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the fixtures in tests/data: small sound archives, of at least two real
writers for each format.  The files are committed; this tells how they came to be.

    scripts/fixtures.py [FORMAT...]      needs tests/interop/requirements.txt

Each run writes the same bytes again.  Who wrote what stands in each folder's
README, which is made here too.
"""
import ctypes
import inspect
import json
import pathlib
import shutil
import struct
import sys

import fixtures_hdf5

DATA = pathlib.Path(__file__).resolve().parent.parent / "tests" / "data"
LARGEST = 64 << 10

FORMATS = {}


def fixtures(name):
    """Marks the function that makes a format's fixtures, in an empty folder."""
    def mark(function):
        FORMATS[name] = function
        return function
    return mark


def pattern(n, seed=0):
    """n bytes in which neighbours, and the same place in two arrays, differ."""
    return bytes((i * 37 + seed * 101 + (i >> 8) * 11 + 1) & 0xff for i in range(n))


# --- safetensors -----------------------------------------------------------

# The reference library's words, and the bytes of one element of the shape given.
WRITTEN = {
    "bool": 1, "uint8": 1, "int8": 1, "uint16": 2, "int16": 2, "uint32": 4, "int32": 4, "uint64": 8, "int64": 8,
    "float16": 2, "bfloat16": 2, "float32": 4, "float64": 8, "complex64": 8,
    "float8_e4m3fn": 1, "float8_e5m2": 1, "float8_e8m0fnu": 1, "float8_e4m3fnuz": 1, "float8_e5m2fnuz": 1,
    "float4_e2m1fn_x2": 1,
}


def elements(shape):
    n = 1
    for extent in shape:
        n *= extent
    return n


def reference(tensors, metadata=None):
    """tensors: {name: (dtype, shape, bytes)}, written by the reference library."""
    from safetensors import TensorSpec, serialize
    kept, specs = [], {}
    for name, (dtype, shape, data) in tensors.items():
        kept.append(ctypes.create_string_buffer(data, max(len(data), 1)))
        specs[name] = TensorSpec(dtype=dtype, shape=list(shape), data_ptr=ctypes.addressof(kept[-1]),
                                 data_len=len(data))
    return bytes(serialize(specs, metadata))


def by_hand(header, data=b""):
    """Any header text before any bytes: what other writers may do and the
    reference library does not."""
    header = header if isinstance(header, bytes) else header.encode()
    return struct.pack("<Q", len(header)) + header + data


def check_by_reference(data):
    """By hand is only sound if the reference reader says so."""
    from safetensors import deserialize
    deserialize(data)
    return data


def tiny_model():
    """A language model of two layers, untrained, that scripts/try mounts."""
    import random
    rng = random.Random(1)

    def floats(code, *shape):
        scale = shape[-1] ** -0.5
        values = [rng.gauss(0, scale) if len(shape) > 1 else rng.gauss(1, 0.1) for _ in range(elements(shape))]
        if code == "float32":
            return code, list(shape), struct.pack(f"<{len(values)}f", *values)
        return code, list(shape), b"".join(struct.pack("<f", v)[2:] for v in values)  # bfloat16: the upper half

    tensors = {"model.embed_tokens.weight": floats("bfloat16", 64, 16)}
    for i in range(2):
        layer = f"model.layers.{i}."
        for part in "qkvo":
            tensors[f"{layer}self_attn.{part}_proj.weight"] = floats("bfloat16", 16, 16)
        tensors[layer + "mlp.up_proj.weight"] = floats("bfloat16", 32, 16)
        tensors[layer + "mlp.down_proj.weight"] = floats("bfloat16", 16, 32)
        tensors[layer + "input_layernorm.weight"] = floats("float32", 16)
    tensors["model.norm.weight"] = floats("float32", 16)
    tensors["lm_head.weight"] = floats("bfloat16", 64, 16)
    return reference(tensors, {"format": "pt"})


@fixtures("safetensors")
def safetensors(folder):
    """
    tiny, dtypes, shapes, names, metadata, empty: written by the safetensors library (safetensors.serialize).
    layout, sixbits, spelling: headers written by hand in scripts/fixtures.py, accepted by the library.
    """
    def put(name, data):
        (folder / (name + ".safetensors")).write_bytes(data)

    def tensor(dtype, shape, seed=0):
        n = elements(shape) * WRITTEN[dtype]
        data = pattern(n, seed)
        return dtype, shape, bytes(b & 1 for b in data) if dtype == "bool" else data

    put("dtypes", reference({dtype: tensor(dtype, [2, 3], i) for i, dtype in enumerate(WRITTEN)}))
    put("shapes", reference({
        "scalar": tensor("float32", []), "one": tensor("int16", [1]), "line": tensor("uint8", [7], 1),
        "cube": tensor("float16", [2, 3, 4], 2), "deep": tensor("int8", [1, 2, 1, 2, 1, 2], 3),
        "nothing": tensor("float64", [0]), "nowhere": tensor("int32", [3, 0, 5]),
    }))
    odd = ["a/b/c", "a/b/d", "a", "..", "x/../y", "/lead", "trail/", "two//slashes", "", "model.layers.0.mlp.weight",
           "percent%2F", "tab\there", "nul\0byte", "del\x7f", "line\nbreak", "gr\u00fc\u00dfe", "\U0001f600", "x" * 300,
           "\u00e9" * 150, ".arrayfs", "~2", "a~2", "quote\"back\\slash", " space "]
    put("names", reference({name: ("uint8", [1], bytes([i])) for i, name in enumerate(odd)}))
    put("tiny", tiny_model())
    put("metadata", reference({"w": tensor("float32", [2])}, {"format": "pt"}))
    put("empty", reference({}))
    put("layout", check_by_reference(by_hand(
        '{"later":{"dtype":"U8","shape":[3],"data_offsets":[4,7]},"first":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
        '"between":{"dtype":"I64","shape":[0],"data_offsets":[4,4]},'
        '"__metadata__":{"one":"1","two words":"\\u00fc\\n","":"empty"},'
        '"bool":{"dtype":"BOOL","shape":[3],"data_offsets":[7,10]}}', pattern(7) + b"\x00\x01\x02")))
    put("sixbits", check_by_reference(by_hand(
        '{"e2m3":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[0,3]},"e3m2":{"dtype":"F6_E3M2","shape":[2,4],'
        '"data_offsets":[3,9]},"none":{"dtype":"F6_E3M2","shape":[0],"data_offsets":[9,9]}}', pattern(9))))
    put("spelling", check_by_reference(by_hand(
        ' \n{\t"__metadata__" : null , "\\u0061\\/b" : {"shape":[ 2 ] ,"extra":[{"deep":[1.5e3,-0,null,true,"\\ud83d\\ude00"]}],'
        '"data_offsets":[0,2],"dtype":{"U8":null}} ,"list":["I8",[1],[2,3]]}  \r\n ', pattern(3))))


@fixtures("safetensors_index")
def safetensors_index(folder):
    """
    model-0000N-of-00002.safetensors, parts/tail.safetensors: written by the safetensors library.
    model.safetensors.index.json: as transformers' save_pretrained() writes it (json.dumps(indent=2, sort_keys=True)).
    other.safetensors.index.json: by hand, in another order, of some of the tensors.
    """
    shards = {
        "model-00001-of-00002.safetensors": {"embed.weight": [4, 3], "layers.0.weight": [3, 3]},
        "model-00002-of-00002.safetensors": {"layers.1.weight": [3, 3], "head.weight": [2]},
        "parts/tail.safetensors": {"tail": [5], "unnamed": [1]},
    }
    (folder / "parts").mkdir()
    where, seed, total = {}, 0, 0
    for path, tensors in shards.items():
        made = {}
        for name, shape in tensors.items():
            seed += 1
            made[name] = ("float32", shape, pattern(elements(shape) * 4, seed))
            if path.startswith("model"):
                where[name] = path
                total += elements(shape) * 4
        (folder / path).write_bytes(reference(made, {"format": "pt"}))
    index = {"metadata": {"total_size": total}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2, sort_keys=True) + "\n")
    (folder / "other.safetensors.index.json").write_text(
        '{"weight_map":{"tail":"parts/tail.safetensors","head.weight":"model-00002-of-00002.safetensors",'
        '"embed.weight":"./model-00001-of-00002.safetensors"},"metadata":{"by":"hand","n":[1,2.5,null],"t":true},"version":1}')


# --- hdf5 ------------------------------------------------------------------

def attributes(path):
    import h5py
    import numpy as np
    with h5py.File(path, "w", libver=("earliest", "v110")) as f:
        f.create_group("z/y")["d"] = np.arange(4, dtype="i1")
        f["alias"] = f["z/y/d"]
        a = f.create_group("a").attrs
        a["half"] = np.array([0.1, 65504, -np.inf, 6e-8], "<f2")
        a["single"] = np.array([0.1, 1 / 3], ">f4")
        a["double"] = np.array([0.1, 1 / 3, np.nan, 1e300])
        a["x87"] = np.array([1, -1.5, 3], np.longdouble) / 3
        a["complex"] = np.array([1 + 2j, -0.5j], "c16")
        a["bool"] = np.array([True, False])
        a["one"] = np.uint64(2**64 - 1)
        a["grid"] = np.arange(6, dtype=">i2").reshape(2, 3)
        a["none"] = h5py.Empty("S3")
        a["empty"] = np.zeros((0, 2))
        a["fixed"] = np.bytes_(b"ab\0\0")
        a["text"] = "h\u00e9\n\"quoted\""
        a["texts"] = ["a", "h\u00e9\n\"quoted\""]
        a["opaque"] = np.void(b"\x01\xff\x00")
        a["mixed"] = np.array([(1, 2.5, b"ab", [[1, 2]])], dtype=[("i", "<i4"), ("f", ">f4"), ("s", "S4"), ("m", "u1", (1, 2))])
        a.create("colour", np.uint8(1), dtype=h5py.enum_dtype({"RED": 0, "GREEN": 1}, basetype="u1"))
        a.create("sequences", np.array([np.array([1, 2], "<i4"), np.array([], "<i4")], dtype=object), dtype=h5py.vlen_dtype("<i4"))
        a.create("object", f["z/y/d"].ref, dtype=h5py.ref_dtype)
        a.create("objects", np.array([f["/"].ref, f["z"].ref, h5py.Reference()], dtype=object), dtype=h5py.ref_dtype)
        a.create("region", f["alias"].regionref[1:3], dtype=h5py.regionref_dtype)
        b = f.create_group("b")
        low = h5py.h5a.create(b.id, b"\xff\xfe", h5py.h5t.STD_I8LE, h5py.h5s.create(h5py.h5s.SCALAR))
        low.write(np.array(5, "i1"))
        b.attrs["n" * 250] = 6
        e4 = h5py.h5t.IEEE_F16LE.copy(); e4.set_fields(7, 3, 4, 0, 3); e4.set_size(1); e4.set_ebias(7)
        h5py.h5a.create(b.id, b"float8", e4, h5py.h5s.create_simple((4,))).write(np.array([0x01, 0x38, 0x7e, 0xff], np.uint8).view("V1"), mtype=e4)
        t = h5py.h5t.STD_I16LE.copy(); t.set_precision(9); t.set_offset(3)
        h5py.h5a.create(b.id, b"narrow", t, h5py.h5s.create_simple((2,))).write(np.array([-200, 99], "<i2"))
        h5py.h5a.create(b.id, b"bits", h5py.h5t.STD_B16BE, h5py.h5s.create_simple((1,))).write(np.array([0x1234], ">u2").view("V2"), mtype=h5py.h5t.STD_B16BE)


def links(path):
    """Soft links to names that gave way; groups with several paths."""
    import h5py
    with h5py.File(path, "w") as f:
        f[".arrayfs"] = [0]
        f["g%01/d"] = [1]
        f["g\x01/d"] = [2]
        f["h/x%7F"] = [3]
        f["h/x\x7f"] = [4]
        for i, t in enumerate(["/.arrayfs", "/g%01/d", "/g\x01/d", "/h/x%7F", "/h/x\x7f", "/h/gone%01", "/_/.."]):
            f["s/l%d" % i] = h5py.SoftLink(t)
        f["h/near"] = h5py.SoftLink("x\x7f")
        f["h/plain"] = h5py.SoftLink(".//a/./b")
        f["b/d"] = [1, 2]
        f["b/sub/e"] = [3]
        f.create_group("a/deep")
        f["a/deep/x"] = f["b/sub"]
        f["a/y"] = f["b"]
        f["z"] = f["b/sub"]


def virtual(folder):
    """Virtual datasets without end, of numbered sources, of virtual ones."""
    import h5py
    import numpy as np
    U = h5py.h5s.UNLIMITED

    def slab(shape, maxshape, *slab):
        s = h5py.h5s.create_simple(shape, maxshape)
        s.select_hyperslab(*slab)
        return s

    for i in range(3):
        with h5py.File(folder + "/b%d.h5" % i, "w", libver="latest") as f:
            f["d"] = np.arange(6, dtype="<i2").reshape(2, 3) + 10 * i
    with h5py.File(folder + "/u.h5", "w", libver="latest") as f:
        f.create_dataset("d", data=np.arange(21, dtype="<i2").reshape(7, 3), maxshape=(None, 3), chunks=(2, 3))
    with h5py.File(folder + "/virtual.h5", "w", libver="latest") as f:
        def make(name, shape, maxshape, *maps):
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_fill_value(np.array(-1, "<i2"))
            for to, file, path, source in maps:
                plist.set_virtual(to, file, path, source)
            h5py.h5d.create(f.id, name, h5py.h5t.STD_I16LE, h5py.h5s.create_simple(shape, maxshape), plist)
        flat, one, block = ((0, 3), (U, 3)), (1, 1), (2, 3)
        whole = slab(block, block, (0, 0), one, one, block)
        make(b"numbered", *flat, (slab(*flat, (0, 0), (U, 1), block, block), b"b%b.h5", b"d", whole))
        make(b"strided", *flat, (slab(*flat, (1, 0), (U, 1), (5, 3), block), b"u.h5", b"d",
                                 slab((7, 3), (U, 3), (1, 0), (U, 1), (3, 3), block)))
        for k, name in enumerate((b"inner", b"nested")):
            make(name, (4, 3), None, *[(slab((4, 3), None, (2 * i, 0), one, one, block), (b"b%d.h5" % i, b".")[k], (b"d", b"inner")[k],
                                        slab((4, 3), None, (2 - 2 * i, 0), one, one, block) if k else whole) for i in range(2)])


def external(path):
    """Datasets whose bytes are in files beside it."""
    import h5py
    with h5py.File(path, "w", libver="latest") as f:
        f.create_dataset("one", (10,), "<i4", external=[("one.raw", 0, 40)])
        f.create_dataset("two", (20,), "<i4", external=[("one.raw", 0, 40), ("sub/two.raw", 0, 40)])


def shared(path):
    """A dataset whose datatype is a committed one, which it names as the library did
    before version 1.6: by an entry of a symbol table."""
    import h5py
    import numpy as np
    with h5py.File(path, "w", libver=("earliest", "v108")) as f:
        f["t"] = np.dtype(">i4")
        d = f.create_dataset("d", (2,), dtype=f["t"])
        d[:] = [1, 2]
        header, committed = (h5py.h5o.get_info(f[n].id).addr for n in "dt")
    file = bytearray(pathlib.Path(path).read_bytes())
    at = header + 48                # behind the header's start and the dataspace
    assert struct.unpack_from("<HHB", file, at) == (3, 16, 3) and struct.unpack_from("<HHB", file, at + 24)[:2] == (5, 8)
    # It takes the room of the fill value's message, but for the head of an empty one.
    struct.pack_into("<HHB3xBB6xQQHHB3x", file, at, 3, 24, 3, 1, 0, 24, committed, 0, 0, 0)
    pathlib.Path(path).write_bytes(file)


def image(path):
    """Metadata that the writer left in the image of its cache."""
    import h5py
    import numpy as np
    class Config(ctypes.Structure):
        _fields_ = [("version", ctypes.c_int), ("generate", ctypes.c_bool), ("resize", ctypes.c_bool), ("ageout", ctypes.c_int)]
    loaded = next(line.split(None, 5)[5].strip() for line in open("/proc/self/maps") if "/h5py.libs/libhdf5-" in line)
    fapl = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    fapl.set_libver_bounds(h5py.h5f.LIBVER_V110, h5py.h5f.LIBVER_V110)
    if ctypes.CDLL(loaded).H5Pset_mdc_image_config(ctypes.c_int64(fapl.id), ctypes.byref(Config(1, True, False, -1))) < 0:
        sys.exit("no cache image")
    with h5py.File(h5py.h5f.create(path.encode(), h5py.h5f.ACC_TRUNC, fapl=fapl)) as f:
        f["g/d"] = np.arange(4, dtype="<i2")
        f.create_dataset("c", data=np.arange(6, dtype="u1"), chunks=(2,))


def freespace(path):
    """The file keeps what is free in it: two managers with their sections."""
    import h5py
    import numpy as np
    with h5py.File(path, "w", libver="latest", fs_strategy="fsm", fs_persist=True, fs_threshold=1) as f:
        for i in range(6):
            f["d%d" % i] = np.arange(100 + 50 * i, dtype="<i2")
        del f["d1"], f["d3"]
    with h5py.File(path, "a") as f:
        del f["d4"]


def filtered_heaps(path):
    """Groups whose heaps have filters: their links, their attributes, a huge one.  Only the C library sets them."""
    import ctypes
    import re
    import h5py
    import numpy as np
    library = next(m[0] for m in re.finditer(r"/\S*libhdf5[-.]\S*so\S*", open("/proc/self/maps").read()))
    deflate = ctypes.CDLL(library).H5Pset_deflate
    deflate.argtypes = [ctypes.c_int64, ctypes.c_uint]
    with h5py.File(path, "w", libver="latest") as f:
        plist = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
        assert deflate(plist.id, 6) >= 0
        for name, count in ((b"few", 9), (b"many", 250)):
            g = h5py.Group(h5py.h5g.create(f.id, name, gcpl=plist))
            for i in range(count):
                g["a name that is told %03d" % i] = h5py.SoftLink("/few/d")
                if i < 20:
                    g.attrs["a%02d" % i] = np.arange(i)
            g["d"] = np.uint8(7)
            g["n" * 5000] = h5py.SoftLink("/few/d")
            g.attrs["huge"] = np.arange(9000, dtype="<u2") // 100


def blocks(path):
    """Virtual datasets whose selections are lists of blocks."""
    import h5py
    import numpy as np

    def select(shape, *corners):
        s = h5py.h5s.create_simple(shape)
        s.select_none()
        for start, size in corners:
            s.select_hyperslab(start, (1, 1), None, size, op=h5py.h5s.SELECT_OR)
        return s

    with h5py.File(path, "w", libver="latest") as f:
        f["d"] = np.arange(40, dtype="<i2").reshape(5, 8)
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_fill_value(np.array(-1, "<i2"))
        plist.set_virtual(select((4, 6), ((0, 1), (3, 2)), ((1, 4), (1, 2))), b".", b"d", select((5, 8), ((0, 0), (2, 2)), ((1, 5), (4, 1))))
        h5py.h5d.create(f.id, b"v", h5py.h5t.STD_I16LE, h5py.h5s.create_simple((4, 6)), plist)


@fixtures("hdf5")
def hdf5(folder):
    """old.h5, latest.h5, dense.h5, index.h5, pack.h5, attributes.h5, links.h5, virtual.h5 and its sources
    b0.h5, b1.h5, b2.h5, u.h5, external.h5, image.h5, freespace.h5, filtered.h5, blocks.h5, paths.h5, sizes-*.h5, numbers.h5: h5py.  shared.h5: h5py, with an older message put in.
    pytables.h5: PyTables.  netcdf.nc: netCDF4."""
    import h5py
    import hdf5plugin
    import netCDF4
    import numpy as np
    import tables
    folder = str(folder)

    def small(path, libver):
        with h5py.File(path,'w',libver=libver) as f:
            f.attrs['title']='a file'; f.attrs['numbers']=np.arange(3,dtype='f4')/10; f.attrs['n']=np.int16(-7); f.attrs['one']=[1]; f.attrs['vs']=['a','bc']; f.attrs['e']=h5py.Empty('i4')
            g=f.create_group('g'); g['up']=f['/']; g['soft']=h5py.SoftLink('/a'); g['ext']=h5py.ExternalLink('other.h5','/x')
            f['a']=np.arange(6,dtype='>i4').reshape(2,3)
            g['hard']=f['a']
            f.create_dataset('c',data=np.arange(60,dtype='<f8').reshape(6,10),chunks=(4,4),maxshape=(None,10),compression='gzip',shuffle=True,fletcher32=True)
            f.create_dataset('l',data=np.arange(40,dtype='<u2'),chunks=(16,),maxshape=(None,),compression='lzf')
            d=f.create_dataset('s',(3,),dtype=h5py.string_dtype()); d[:]=['x','','yé']
            d=f.create_dataset('v',(3,),dtype=h5py.vlen_dtype('<i2')); d[0]=[1,2]; d[2]=[3]
            f.create_dataset('k',data=np.array([(1,2.5,b'ab',[1,2])],dtype=[('a','<i2'),('b/c','>f4'),('s','S3'),('m','u1',(2,))]))
            f.create_dataset('b',data=np.array([True,False]))
            f.create_dataset('z',data=np.array([1+2j],dtype='c8'))
            f.create_dataset('en',data=np.array([0,1],dtype='u1'),dtype=h5py.enum_dtype({'RED':0,'GREEN':1},basetype='u1'))
            f['nul']=h5py.Empty('f4'); f['t']=np.dtype('<f8')
            f['ref']=np.array([f['a'].ref],dtype=h5py.ref_dtype)
    attributes(folder + '/attributes.h5')
    links(folder + '/links.h5')
    virtual(folder)
    external(folder + '/external.h5')
    shared(folder + '/shared.h5')
    image(folder + '/image.h5')
    freespace(folder + '/freespace.h5')
    filtered_heaps(folder + '/filtered.h5')
    blocks(folder + '/blocks.h5')
    fixtures_hdf5.paths(folder + '/paths.h5')
    fixtures_hdf5.sizes(folder)
    fixtures_hdf5.numbers(folder + '/numbers.h5')
    small(folder+'/old.h5',('earliest','v108')); small(folder+'/latest.h5','latest')
    with h5py.File(folder+'/dense.h5','w',libver='latest') as f:
        for i in range(12): f.create_dataset('d%02d'%i,data=np.uint8(i))
        for i in range(12): f.attrs['a%02d'%i]=i
    with h5py.File(folder+'/index.h5','w',libver='latest') as f:
        f.create_dataset('fixed',data=np.arange(30,dtype='u1'),chunks=(4,))
        f.create_dataset('extensible',data=np.arange(60,dtype='u1'),chunks=(2,),maxshape=(None,))
        f.create_dataset('second',data=np.arange(60,dtype='u1').reshape(3,20),chunks=(2,3),maxshape=(3,None))
        f.create_dataset('btree',data=np.arange(60,dtype='u1').reshape(6,10),chunks=(2,3),maxshape=(None,None),compression='gzip')
        f.create_dataset('single',data=np.arange(60,dtype='u1'),chunks=(60,),compression='gzip')
        d=f.create_dataset('holes',(10,),dtype='i4',chunks=(3,),fillvalue=5); d[4]=9
    with h5py.File(folder+'/pack.h5','w') as f:
        f.create_dataset('so',data=np.arange(50,dtype='<i4'),chunks=(20,),scaleoffset=0)
        f.create_dataset('sf',data=np.arange(50,dtype='<f4')/8,chunks=(20,),scaleoffset=3)
        f.create_dataset('sz',data=np.arange(64,dtype='<i2'),chunks=(32,),compression='szip')
        for n,p in (('zstd',hdf5plugin.Zstd()),('lz4',hdf5plugin.LZ4()),('bs',hdf5plugin.Bitshuffle(cname='lz4')),('bz',hdf5plugin.BZip2()),('bl',hdf5plugin.Blosc())):
            f.create_dataset(n,data=np.arange(64,dtype='<i4'),chunks=(40,),**dict(p))
        t=h5py.h5t.STD_I32LE.copy(); t.set_precision(17); t.set_offset(3)
        pl=h5py.h5p.create(h5py.h5p.DATASET_CREATE); pl.set_chunk((16,)); pl.set_filter(h5py.h5z.FILTER_NBIT,h5py.h5z.FLAG_OPTIONAL,())
        d=h5py.h5d.create(f.id,b'nb',t,h5py.h5s.create_simple((20,)),pl); d.write(h5py.h5s.ALL,h5py.h5s.ALL,np.arange(20,dtype='<i4')*1000)

    with tables.open_file(folder + "/pytables.h5", "w") as f:
        t = f.create_table("/", "t", np.zeros(0, dtype=[("a", "<i4"), ("b", "S4")]), filters=tables.Filters(5, "blosc"))
        t.append([(1, b"x"), (2, b"yz")])
        f.create_array("/", "a", np.arange(5))
    with netCDF4.Dataset(folder + "/netcdf.nc", "w") as f:
        f.createDimension("x", 4)
        v = f.createVariable("v", "f4", ("x",), zlib=True)
        v[:] = np.arange(4)
        v.units = "m"


# --- all -------------------------------------------------------------------

def make(name):
    folder = DATA / name
    bad = folder / "bad"                  # kept: what once broke us
    for old in folder.iterdir() if folder.exists() else []:
        if old != bad:
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    FORMATS[name](folder)
    said = inspect.getdoc(FORMATS[name])
    (folder / "README").write_text("Made by scripts/fixtures.py.\n\n" + said + "\n")
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_size > LARGEST:
            sys.exit(f"{path} is larger than {LARGEST} bytes")
    print(name, sum(1 for path in folder.rglob("*") if path.is_file()), "files")


if __name__ == "__main__":
    for wanted in sys.argv[1:] or FORMATS:
        if wanted not in FORMATS:
            sys.exit(f"no fixtures for {wanted}; there are {', '.join(FORMATS)}")
        make(wanted)
