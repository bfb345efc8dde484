# SPDX-License-Identifier: MIT
"""Makes the seeds of the targets for single parsers in tests/fuzz, out of what the
reference writers write: a part of a file each, as the target takes it.

    scripts/faults/seeds.py      needs tests/interop/requirements.txt
"""
import bz2
import collections
import decimal
import io
import json
import lzma
import pathlib
import pickle
import pickletools
import shutil
import struct
import zlib

import h5py
import hdf5plugin
import ml_dtypes
import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq

TESTS = pathlib.Path(__file__).resolve().parents[2] / "tests"
PHYSICAL = ["BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"]
ENCODING = {"PLAIN": 0, "RLE": 3, "DELTA_BINARY_PACKED": 5, "DELTA_LENGTH_BYTE_ARRAY": 6, "DELTA_BYTE_ARRAY": 7,
            "RLE_DICTIONARY": 8, "BYTE_STREAM_SPLIT": 9}


def folder(target):
    path = TESTS / "fuzz" / target
    path.mkdir(exist_ok=True)
    for old in path.iterdir():
        if old.name != "bad":  # kept: what once broke us
            old.unlink()
    return path


# --- Parquet ---------------------------------------------------------------

def varint(data, at):
    n = shift = 0
    while True:
        n |= (data[at] & 0x7f) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 0x80:
            return n, at


def header_end(data, at):
    """Of a page header, a struct of integers, booleans and one such struct more."""
    while data[at]:
        kind = data[at] & 15
        at += 1 if data[at] >> 4 else 2
        if kind == 12:
            at = header_end(data, at)
        elif kind == 8:
            n, at = varint(data, at)
            at += n
        elif kind > 2:
            at = varint(data, at)[1]
    return at + 1


def thrift():
    out = folder("thrift")
    for name in ("duckdb", "fastparquet", "pyarrow-nested", "pyarrow-pages"):
        data = (TESTS / "data" / "parquet" / f"{name}.parquet").read_bytes()
        size = struct.unpack("<I", data[-8:-4])[0]
        (out / f"{name}.footer").write_bytes(data[-8 - size:-8])
        at = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0).column(0).data_page_offset
        (out / f"{name}.page").write_bytes(data[at:header_end(data, at)])


def encodings():
    out, n = folder("encodings"), 250
    columns = {
        "bool": pa.array(np.arange(n) % 7 < 3),
        "int32": pa.array(np.arange(n, dtype="i4") * 1001 % 977),
        "int64": pa.array(np.arange(n, dtype="i8") ** 5),
        "double": pa.array(np.arange(n) / 7),
        "float": pa.array(np.arange(n, dtype="f4") / 7),
        "string": pa.array([f"value {i // 3}" for i in range(n)]),
        "fixed": pa.array([b"%05d" % (i // 2) for i in range(n)], pa.binary(5)),
        "decimal": pa.array([decimal.Decimal(i * i) for i in range(n)], pa.decimal128(12, 0)),
    }
    for name, column in columns.items():
        for encoding in ENCODING:
            file = io.BytesIO()
            kind = {"use_dictionary": True} if encoding == "RLE_DICTIONARY" else {"use_dictionary": False,
                                                                                 "column_encoding": {"c": encoding}}
            table = pa.table([column], pa.schema([pa.field("c", column.type, nullable=False)]))
            try:
                pq.write_table(table, file, compression="none", data_page_version="2.0", write_statistics=False, **kind)
            except (pa.ArrowException, OSError):
                continue  # that type has no such encoding
            data, chunk = file.getvalue(), pq.ParquetFile(file).metadata.row_group(0).column(0)
            if encoding not in chunk.encodings:
                continue
            at = header_end(data, chunk.data_page_offset)
            end = (chunk.dictionary_page_offset or chunk.data_page_offset) + chunk.total_compressed_size
            physical = PHYSICAL.index(chunk.physical_type)
            width = {"fixed": 4, "decimal": 5}.get(name, 0)
            entries = 255 if encoding == "RLE_DICTIONARY" else 0
            (out / f"{name}.{encoding.lower()}").write_bytes(
                struct.pack("<BBBHB", ENCODING[encoding], physical, width, n, entries) + data[at:end])


# --- HDF5 ------------------------------------------------------------------

FILTERS = {5: 0, 6: 1, 4: 2, 32004: 3, 32008: 4, 2: 5, 3: 6}  # as fuzz_filters.c has them


def filters():
    out = folder("filters")
    values = np.arange(400, dtype="<i4").reshape(20, 20) * 3
    made = {
        "scaleoffset": dict(scaleoffset=0), "szip": dict(compression="szip", compression_opts=("nn", 16)),
        "lz4": dict(hdf5plugin.LZ4()), "bitshuffle": dict(hdf5plugin.Bitshuffle(cname="lz4")),
        "bitshuffle-none": dict(hdf5plugin.Bitshuffle(cname="none")), "shuffle": dict(shuffle=True), "fletcher32": dict(fletcher32=True),
    }
    with h5py.File("seeds", "w", driver="core", backing_store=False) as f:
        for name, options in made.items():
            f.create_dataset(name, data=values, chunks=values.shape, **options)
        f.create_dataset("scaleoffset-float", data=values / 8, chunks=values.shape, scaleoffset=2)
        for name, kind in (("nbit", h5py.h5t.STD_I32LE.copy()), ("nbit-float", h5py.h5t.IEEE_F32LE.copy())):
            if name == "nbit":
                kind.set_precision(17)
                kind.set_offset(3)
            compound = h5py.h5t.create(h5py.h5t.COMPOUND, 16)
            compound.insert(b"a", 0, kind)
            compound.insert(b"b", 8, h5py.h5t.array_create(kind, (2,)))
            for suffix, each in (("", kind), ("-compound", compound)):
                pl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                pl.set_chunk((16,))
                pl.set_filter(h5py.h5z.FILTER_NBIT, h5py.h5z.FLAG_OPTIONAL, ())
                d = h5py.h5d.create(f.id, (name + suffix).encode(), each, h5py.h5s.create_simple((16,)), pl)
                d.write(h5py.h5s.ALL, h5py.h5s.ALL, np.frombuffer(bytes(range(256)) * 16, "u1", 16 * each.get_size()), each)
        f.flush()
        for name, d in f.items():
            number, _, parameters, _ = d.id.get_create_plist().get_filter(0)
            coded = d.id.read_direct_chunk((0,) * d.ndim)[1]
            room = int(np.prod(d.chunks)) * d.id.get_type().get_size()
            (out / name).write_bytes(struct.pack(f"<BBH{len(parameters)}I", FILTERS[number], len(parameters), room, *parameters)
                                     + coded)


def objects():
    out = folder("object")
    deep = np.dtype([("a", "<i2"), ("b", [("c", ">f8"), ("d", "S5", (2,))]), ("e", "<c8")])
    for version in ("earliest", "latest"):
        path = out / "file"
        with h5py.File(path, "w", libver=version) as f:
            def compact(name, data, dtype=None):
                data = np.asarray(data, dtype)
                kind = h5py.h5t.py_create(data.dtype, logical=True)
                pl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                pl.set_layout(h5py.h5d.COMPACT)
                pl.set_obj_track_times(False)
                space = h5py.h5s.create_simple(data.shape) if data.shape else h5py.h5s.create(h5py.h5s.SCALAR)
                h5py.h5d.create(f.id, name.encode(), kind, space, pl).write(h5py.h5s.ALL, h5py.h5s.ALL, data)
                return f[name]
            compact("int", np.arange(6).reshape(2, 3)).attrs["unit"] = np.bytes_("metre")
            compact("scalar", np.float16(0.5)).attrs["list"] = [1.5, 2.5]
            compact("compound", np.zeros(3, deep)).attrs["one"] = np.ones((), deep)
            compact("enum", [0, 1], h5py.enum_dtype({"no": 0, "yes": 1}))
            compact("bool", [True, False]).attrs["flag"] = True
            compact("opaque", np.array([b"12", b"34"], "V2"))
            compact("strings", np.array([b"a", b"bcd"]))
            f.create_dataset("chunked", (40, 30), "<u2", chunks=(7, 9), maxshape=(None, 30), compression=4, shuffle=True,
                             fletcher32=True, fillvalue=7)
            f.create_dataset("single", (4,), "<u2", chunks=(4,))
            f.create_dataset("vlen", (2,), h5py.vlen_dtype("<i4"))
            f.create_dataset("text", (2,), h5py.string_dtype())
            f.create_dataset("reference", (2,), h5py.ref_dtype)
            layout = h5py.VirtualLayout((4,), "<i4")
            layout[:2] = h5py.VirtualSource(".", "int", (2, 3))[0, :2]
            f.create_virtual_dataset("virtual", layout)
            g = f.create_group("group")
            g["soft"] = h5py.SoftLink("/int")
            g["external"] = h5py.ExternalLink("other.h5", "/x")
            g.attrs["empty"] = h5py.Empty("<f4")
            at = {name: h5py.h5o.get_info(f[name].id).addr for name in f}
        data = path.read_bytes()
        path.unlink()
        for name, begin in at.items():
            (out / f"{name}.{version}").write_bytes(data[begin:begin + 1024])


# --- codecs ----------------------------------------------------------------

def lzma_in_zip(data):
    """The properties and the data, as in an .lzma file, which has the size between them."""
    alone = lzma.compress(data, lzma.FORMAT_ALONE)
    return alone[:5] + alone[13:]


def codecs():
    out, n = folder("codecs"), 3000
    data = bytes(i * i >> 5 & 0xff if i % 700 < 500 else 7 for i in range(n))
    streams = {1: "snappy", 2: "gzip", 5: "brotli", 7: "zstd", 8: "lz4_raw", 10: "lz4"}  # as fs/codec/codec.h counts them
    for number, name in streams.items():
        (out / name).write_bytes(struct.pack("<BH", number, n) + pa.compress(data, name, asbytes=True))
    raw = zlib.compressobj(6, zlib.DEFLATED, -15)
    made = {"zlib": (3, zlib.compress(data)), "deflate": (9, raw.compress(data) + raw.flush()), "bzip2": (11, bz2.compress(data)),
            "xz": (12, lzma.compress(data)), "lzma": (15, b"\5\4\5\0" + lzma_in_zip(data)),
            "latin1": (16, data.decode("latin1").encode())}
    for name, (number, coded) in made.items():
        (out / name).write_bytes(struct.pack("<BH", number, n) + coded)
    filters = {"lzf": (13, dict(compression="lzf")), "blosc-lz4": (14, dict(hdf5plugin.Blosc(cname="lz4"))),
               "blosc-zstd": (14, dict(hdf5plugin.Blosc(cname="zstd", shuffle=2)))}
    with h5py.File("seeds", "w", driver="core", backing_store=False) as f:
        for name, (number, options) in filters.items():
            d = f.create_dataset(name, data=np.frombuffer(data, "u1"), chunks=(n,), **options)
            f.flush()
            (out / name).write_bytes(struct.pack("<BH", number, n) + d.id.read_direct_chunk((0,))[1])
    (out / "lz4").rename(out / "lz4_frame")
    block = pa.compress(data, "lz4_raw", asbytes=True)
    (out / "lz4_hadoop").write_bytes(struct.pack("<BH", 6, n) + struct.pack(">II", n, len(block)) + block)


# --- JSON ------------------------------------------------------------------

def texts():
    out, data = folder("json"), TESTS / "data"
    for name in ("dtypes", "names", "metadata"):
        file = (data / "safetensors" / f"{name}.safetensors").read_bytes()
        (out / name).write_bytes(file[8:8 + struct.unpack("<Q", file[:8])[0]])
    shutil.copy(data / "safetensors_index" / "model.safetensors.index.json", out / "index")
    (out / "all").write_text(json.dumps({"a": [1, -2.5e-3, 1e300, True, False, None, {}, []], "é\n\"\\": "\U0001f600\u0001"}))


# --- NumPy -----------------------------------------------------------------

def headers():
    out = folder("numpy")
    plain = {"bool": "?", "i4": "<i4", "big": ">i8", "half": "<f2", "complex": "<c16", "bytes": "S5", "unicode": ">U7", "void": "V4",
             "time": "<M8[ns]", "step": "<M8[25s]", "delta": ">m8[D]", "generic": "M8", "object": "O", "longdouble": "g",
             "bfloat16": ml_dtypes.bfloat16, "e5m2": ml_dtypes.float8_e5m2}
    records = {"record": [("a", "<i4"), ("b", ">f8", (2, 3)), ("c", [("x", "u1"), ("y", "S3")])],
               "title": [(("title", "a"), "<i4"), ("b", "i1")], "quotes": [("it's", "u1"), ("é\"'", "<i8"), ("a\nb\\", "O")],
               "utf8": [("日本", "u1")], "nofields": []}
    arrays = {name: np.zeros((2, 3), t) for name, t in (plain | records).items()}
    arrays |= {"aligned": np.zeros(2, np.dtype([("a", "u1"), ("b", "<i8")], align=True)), "scalar": np.zeros(()),
               "fortran": np.zeros((2, 3), order="F"), "version2": np.zeros((2, 3))}
    for name, array in arrays.items():
        file = io.BytesIO()
        np.lib.format.write_array(file, array, (2, 0) if name == "version2" else None)
        (out / name).write_bytes(file.getvalue()[:file.getvalue().index(b"\n") + 1])
    text = b"{'descr': '<f8', 'fortran_order': False, 'shape': (10L, 3L), }"  # as Python 2 wrote
    (out / "python2").write_bytes(b"\x93NUMPY\1\0" + struct.pack("<H", 118) + text.ljust(117) + b"\n")


# --- Arrow -----------------------------------------------------------------

def flatbuffers():
    """The metadata of a stream's messages."""
    out, stream = folder("flatbuffers"), io.BytesIO()
    union = pa.UnionArray.from_dense(pa.array([0, 1], pa.int8()), pa.array([0, 0], pa.int32()), [pa.array([1]), pa.array(["x"])])
    table = pa.table({"a": [1, None], "b": pa.array(["x", "y"]).dictionary_encode(), "c": [[1], [2, 3]], "d": union,
                      "e": pa.array([1, 2], pa.timestamp("us", "UTC"))}, metadata={"k": "v"})
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    data, at = stream.getvalue(), 0
    for name in ("schema", "dictionary", "batch"):
        n = struct.unpack_from("<I", data, at + 4)[0]
        (out / f"pyarrow-{name}").write_bytes(data[at + 8:at + 8 + n])
        at += 8 + n + len(pa.ipc.read_message(pa.py_buffer(data[at:])).body or b"")


# --- ONNX ------------------------------------------------------------------

def protobufs():
    """A model's messages, and a tensor with entries of every kind."""
    out = folder("protobuf_walk")
    t = onnx.TensorProto(name="w", data_type=7, dims=[2, 300], int64_data=[-1, 5], float_data=[1, 2], double_data=[3], string_data=[b"x", b""])
    t.metadata_props.add(key="k", value="v")
    g = onnx.GraphProto(name="g", node=[onnx.helper.make_node("Conv", ["x"], ["y"], kernel_shape=[3, 3], alpha=1.5)], initializer=[t])
    (out / "onnx-tensor").write_bytes(t.SerializeToString())
    (out / "onnx-model").write_bytes(onnx.helper.make_model(g).SerializeToString())
    (out / "groups").write_bytes(bytes.fromhex("0b10011b220178 1c 2578787878 297878787878787878 0c 0807".replace(" ", "")))


# --- pickles -----------------------------------------------------------------

def pickles():
    """Of each protocol, and as Python 2 wrote."""
    out, shared = folder("pickle_machine"), [1, 300, -70000, 2**40, 2**70, -2**70, 1.5]
    value = {"a": shared, "b": (None, True, ()), "\u20ac": [b"bytes", bytearray(b"more"), {1, 2}, frozenset("x")], "again": shared,
             "object": collections.OrderedDict(a=1), "array": np.arange(6, dtype="<i2").reshape(2, 3), "type": np.dtype("f4,i1")}
    value["self"] = value
    for protocol in range(6):
        (out / f"protocol{protocol}").write_bytes(pickle.dumps(value, protocol))
        (out / f"optimized{protocol}").write_bytes(pickletools.optimize(pickle.dumps(value, protocol)))
    (out / "buffers").write_bytes(pickle.dumps([value["array"]], 5, buffer_callback=lambda buffer: False))
    (out / "instance").write_bytes(b"(i__main__\nC\np1\n(dp2\nS'a\\x01'\np3\nI01\nsV\\u20ac\nL12L\nsb.")
    (out / "binary2").write_bytes(b"(c__main__\nC\nq\1oq\2}q\3(U\1aK\1T\1\0\0\0bF1.5\nub.")
    (out / "persistent").write_bytes(b"\x80\2(Pname\nX\1\0\0\0a\x85Q2010l.")


if __name__ == "__main__":
    for make in (thrift, encodings, filters, objects, codecs, texts, headers, flatbuffers, protobufs, pickles):
        make()
    sizes = [p.stat().st_size for t in ("thrift", "encodings", "filters", "object", "codecs", "json", "numpy", "flatbuffers", "protobuf_walk", "pickle_machine") for p in (TESTS / "fuzz" / t).iterdir() if p.is_file()]
    print(len(sizes), "seeds,", sum(sizes), "bytes")
