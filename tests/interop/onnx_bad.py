# SPDX-License-Identifier: MIT
"""ONNX files that break rules, and files that only begin as one."""
import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx_random import field, tag, varint


def model(*tensors):
    g = onnx.GraphProto(name="g")
    g.initializer.append(TensorProto(name="good", data_type=TensorProto.INT8, dims=[8], raw_data=bytes(range(8))))
    g.initializer.extend(tensors)
    return helper.make_model(g)


def raw_model(graph):
    """A model whose graph is these bytes."""
    return tag(1, 0) + varint(8) + field(7, graph)


def nested(depth):
    g = onnx.GraphProto(name="innermost")
    g.initializer.append(numpy_helper.from_array(np.arange(3.0), "w"))
    for i in range(depth):
        outer = onnx.GraphProto(name=str(i))
        outer.node.append(helper.make_node("If", ["c"], ["y"]))
        outer.node[0].attribute.add(name="then_branch", type=onnx.AttributeProto.GRAPH).g.CopyFrom(g)
        g = outer
    return g


def nested_bytes(depth):
    """Deeper than the library writes."""
    data = b""
    for _ in range(depth):
        data = field(1, field(5, field(1, b"g") + field(6, data)))
    return data


def refused():
    sound = model().SerializeToString()
    whole = sound + field(14, b"")
    return {
        "cut": sound[:-1],
        "a graph beyond the file": tag(1, 0) + varint(8) + tag(7, 2) + varint(1000) + bytes(10),
        "a length of 2^63": tag(1, 0) + varint(8) + tag(7, 2) + varint(1 << 63) + bytes(10),
        "no graph": tag(1, 0) + varint(8) + field(2, b"nobody"),
        "a long varint": tag(1, 0) + b"\xff" * 10 + b"\x01" + sound,
        "wire type 6": whole + tag(200, 6) + b"\0",
        "wire type 7": whole + tag(200, 7) + b"\0",
        "field 0": whole + tag(0, 0) + b"\0",
        "a field number of 2^32": whole + varint(1 << 35) + b"\0",
        "a group that never ends": whole + tag(100, 3) + tag(1, 0) + b"\0",
        "a group that ends as another": whole + tag(100, 3) + tag(101, 4),
        "the end of no group": whole + tag(100, 4),
        "101 groups": whole + tag(100, 3) * 101 + tag(100, 4) * 101,
        "33 graphs within others": raw_model(nested_bytes(33)),
        "10000 graphs within others": raw_model(nested_bytes(10000)),
        "a node beyond the graph": raw_model(tag(1, 2) + varint(50) + bytes(10)),
        "an initializer that is cut": raw_model(field(5, field(8, b"w") + tag(9, 2) + varint(100) + bytes(3))),
    }


def located(location, **entries):
    t = TensorProto(name="bad", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    t.external_data.add(key="location", value=location)
    for key, value in entries.items():
        t.external_data.add(key=key, value=value)
    return t


def tensor(**what):
    return TensorProto(**{"name": "bad", "data_type": TensorProto.FLOAT, "dims": [4], **what})


def files(where):
    """What locations lead to: the model is in models/."""
    (where / "models").mkdir()
    (where / "outside.bin").write_bytes(bytes(64))
    (where / "models/w.bin").write_bytes(bytes(64))
    (where / "models/short.bin").write_bytes(bytes(15))
    (where / "real").mkdir()
    (where / "real/w.bin").write_bytes(bytes(64))
    os.symlink("../real", where / "models/linked")
    os.mkfifo(where / "models/fifo")
    (where / "models/folder").mkdir()
    os.symlink("nowhere", where / "models/dangling")


def faulty():
    """Models with a tensor `bad` that cannot be read, and one that can."""
    segment = tensor(float_data=[1, 2, 3, 4])
    segment.segment.begin = 0
    bad = {
        "too few raw bytes": tensor(raw_data=bytes(15)), "too many raw bytes": tensor(raw_data=bytes(17)),
        "no raw bytes": tensor(raw_data=b"", float_data=[1, 2, 3, 4]), "nothing": tensor(),
        "too few entries": tensor(float_data=[1, 2, 3]), "too many entries": tensor(float_data=[1, 2, 3, 4, 5]),
        "entries in another field": tensor(int32_data=[1, 2, 3, 4]), "a segment": segment,
        "an unknown type": tensor(data_type=29, raw_data=bytes(16)), "type 0": tensor(data_type=0, raw_data=bytes(16)),
        "type -1": tensor(data_type=-1, raw_data=bytes(16)),
        "a negative extent": tensor(dims=[-4], raw_data=bytes(16)), "an overflow": tensor(dims=[1 << 62, 1 << 62], raw_data=bytes(16)),
        "an overflow to 0": tensor(dims=[1 << 32, 1 << 32], raw_data=b""), "2^63 bytes": tensor(dims=[1 << 61], raw_data=b""),
        "too few varints": tensor(data_type=7, int64_data=[1, 2, 3]), "too many varints": tensor(data_type=7, int64_data=[-1] * 5),
        "many varints less one": tensor(data_type=7, dims=[50001], int64_data=[300] * 50000),
        "many varints and one": tensor(data_type=7, dims=[49999], int64_data=[300] * 50000),
        "int4 one byte long": tensor(data_type=22, raw_data=bytes(3)), "int4 one byte short": tensor(data_type=22, raw_data=bytes(1)),
        "int4 one entry an element": tensor(data_type=22, int32_data=[1, 2, 3, 4]),
        "float6 one byte an element": tensor(data_type=27, raw_data=bytes(4)),
        "a complex number cut": tensor(data_type=14, float_data=[1] * 7),
        "no location": tensor(data_location=1), "an empty location": located(""), "up": located("../outside.bin"),
        "up within": located("folder/../../outside.bin"), "absolute": located("/etc/hostname"), "a folder": located("folder"),
        "missing": located("missing.bin"), "in memory": located("*/_ORT_MEM_ADDR_/*"), "a FIFO": located("fifo"), "a NUL": located("w.bin\0"),
        "through a link": located("linked/w.bin"), "a short file": located("short.bin"), "a link to nothing": located("dangling"),
        "an offset that is none": located("w.bin", offset="x"), "a negative offset": located("w.bin", offset="-1"),
        "an offset of 2^64": located("w.bin", offset=str(1 << 64)), "an offset beyond": located("w.bin", offset="49"),
        "an offset that overflows": located("w.bin", offset=str((1 << 64) - 1)), "an empty offset": located("w.bin", offset=""),
        "another length": located("w.bin", length="15"), "a longer length": located("w.bin", length="64"),
        "a length that is none": located("w.bin", length="16 "),
    }
    return {name: model(t) for name, t in bad.items()}


def others():
    """Files that are no models, though they begin or walk as one."""
    m = model()
    sound = m.SerializeToString()
    sequence = onnx.SequenceProto(name="s", elem_type=1)
    sequence.tensor_values.append(numpy_helper.from_array(np.arange(3.0)))
    whole = numpy_helper.from_array(np.arange(6, dtype="f4").reshape(2, 3), "x").SerializeToString()
    return {
        "unknown-field": sound + field(99, b"x"), "another-wire": sound + tag(2, 0) + b"\1", "cut": sound[:-1], "longer": sound + b"\0",
        "another-order": field(7, m.graph.SerializeToString()) + tag(1, 0) + b"\x08", "no-graph": tag(1, 0) + b"\x08",
        "graph-of-others": raw_model(field(3, b"x")), "numbers": bytes([8, 1] * 50), "sequence": sequence.SerializeToString(),
        "tensor-longer": whole + b"\0", "tensor-cut": whole[:-1], "tensor-with-more": whole + field(99, b"x"),
        "tensor-without-type": TensorProto(dims=[4], float_data=[1, 2, 3, 4]).SerializeToString(),
        "tensor-of-type-29": TensorProto(data_type=29, dims=[4], raw_data=bytes(16)).SerializeToString(),
        "tensor-elsewhere": located("w.bin").SerializeToString(), "zeros": bytes(100), "one": b"\x08", "two": b"\x08\x01",
        "count-of-few": TensorProto(data_type=7, dims=[3], int64_data=[1, 2]).SerializeToString(),
    }
