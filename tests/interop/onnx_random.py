# SPDX-License-Identifier: MIT
"""Models at random: every type in every field that may hold it, packed and not, in other files, in sparse
tensors, in attributes, graphs within, functions and training."""
import os

import ml_dtypes
import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

TYPES = [t for t in TensorProto.DataType.values() if t]
NAMES = ["w", "layer.0.weight", "/model/0/bias", "a/b", "onnx::MatMul_12", "\u4e2d\u6587", "x y", ".", "a//b"]


def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out) + bytes([n])


def tag(number, wire):
    return varint(number << 3 | wire)


def field(number, data):
    return tag(number, 2) + varint(len(data)) + data


def number_at(data, at):
    n = shift = 0
    while True:
        n |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128:
            return n, at


def fields(data):
    """(number, wire type, bytes of the value, with its length)"""
    at = 0
    while at < len(data):
        key, at = number_at(data, at)
        begin = at
        if key & 7 == 2:
            n, begin = number_at(data, at)
            at = begin + n
        else:
            at = number_at(data, at)[1] if key & 7 == 0 else at + (8 if key & 7 == 1 else 4)
        yield key >> 3, key & 7, data[begin:at]


def pieces(data, wire):
    """The numbers of a packed run."""
    at = 0
    while at < len(data):
        end = number_at(data, at)[1] if wire == 0 else at + (8 if wire == 1 else 4)
        yield data[at:end]
        at = end


def in_runs(rng, number, numbers, wire):
    """Numbers in several runs, with a tag each, or both."""
    out, at = b"", 0
    while at < len(numbers):
        some = numbers[at:at + int(rng.integers(1, 5))]
        at += len(some)
        if rng.random() < 0.5:
            out += b"".join(tag(number, wire) + v for v in some)
        else:
            out += field(number, b"".join(some))
    return out


def rewritten(rng, data, descriptor, strange):
    """The same message in other bytes that mean the same.  strange: with fields that nobody knows, in any order."""
    out = []
    for number, wire, value in fields(data):
        d = descriptor.fields_by_number[number]
        of = {d.TYPE_FLOAT: 5, d.TYPE_DOUBLE: 1, d.TYPE_INT32: 0, d.TYPE_INT64: 0, d.TYPE_UINT64: 0}.get(d.type)
        if d.message_type:
            value = rewritten(rng, value, d.message_type, strange)
        if d.is_repeated and of is not None and wire == 2 and rng.random() < 0.5:
            out.append((number, in_runs(rng, number, list(pieces(value, of)), of)))
        elif wire == 2:
            out.append((number, field(number, value)))
        else:
            out.append((number, tag(number, wire) + value))
        if strange and rng.random() < 0.05:
            unknown = [field(999, b"unknown"), tag(998, 0) + varint(-1), tag(997, 3) + field(1, b"x") + tag(997, 4), tag(996, 5) + bytes(4),
                       tag(number, 1) + bytes(8) if wire != 1 and of != 1 else b""]
            out.append((0, unknown[int(rng.integers(0, len(unknown)))]))
    if strange and rng.random() < 0.3:  # fields of different numbers change places
        out.sort(key=lambda f: f[0] * 7919 % 31)
    return b"".join(bytes(b) for _, b in out)


def shape_of(rng):
    return [int(rng.integers(0, 6)) if rng.random() < 0.1 else int(rng.integers(1, 7)) for _ in range(rng.integers(0, 4))]


def entries(rng, data_type, n):
    """Numbers of its field for so many elements, which the library reads."""
    name = TensorProto.DataType.Name(data_type)
    kind = helper.tensor_dtype_to_field(data_type)
    if kind in ("float_data", "double_data"):
        return kind, rng.standard_normal(2 * n if name.startswith("COMPLEX") else n).tolist()
    if name in ("INT64", "UINT64"):
        values = rng.integers(0, 1 << 63, n, dtype=np.uint64) << rng.integers(0, 2, n, dtype=np.uint64)
        return kind, (values.view(np.int64) if name == "INT64" else values).tolist()
    if name == "UINT32":
        return kind, rng.integers(0, 1 << 32, n).tolist()
    if name == "INT32":
        return kind, rng.integers(-1 << 31, 1 << 31, n).tolist()
    low, high = {"INT8": (-128, 128), "INT16": (-1 << 15, 1 << 15), "UINT16": (0, 1 << 16), "FLOAT16": (0, 1 << 16), "BFLOAT16": (0, 1 << 16),
                 "BOOL": (0, 2), "FLOAT6E2M3": (0, 64), "FLOAT6E3M2": (0, 64)}.get(name, (0, 256))
    each = {"UINT4": 2, "INT4": 2, "FLOAT4E2M1": 2, "UINT2": 4, "INT2": 4}.get(name, 1)
    values = rng.integers(low, high, -(-n // each)).tolist()
    if n % each:  # bits that are no element's
        values[-1] &= (1 << n % each * 8 // each) - 1
    return kind, values


def serialized(rng, kind, values):
    """The field as it may be written: in runs, with a tag each, or both."""
    number, wire, code = FIELDS[kind]
    one = (lambda v: varint(int(v))) if wire == 0 else (lambda v: np.array(v, code).tobytes())
    how = rng.integers(0, 3)
    out, at = b"", 0
    while at < len(values):
        some = values[at:] if how == 0 else values[at:at + int(rng.integers(1, 5))]
        if how == 1 or (how == 2 and rng.random() < 0.5):
            out += b"".join(varint(number << 3 | wire) + one(v) for v in some)
        else:
            out += field(number, b"".join(map(one, some)))
        at += len(some)
    return out


def tensor(rng, name, data_type=None, shape=None, where=None, external=None):
    """where: raw, field, external."""
    data_type = data_type or int(rng.choice(TYPES))
    shape = shape_of(rng) if shape is None else shape
    n = int(np.prod(shape, dtype=np.int64))
    t = TensorProto(name=name, data_type=data_type, dims=shape)
    if rng.random() < 0.1:
        t.doc_string = "what it is"
    if rng.random() < 0.1:
        t.metadata_props.add(key="scale", value="0.5")
    if data_type == TensorProto.STRING:
        t.string_data.extend(rng.bytes(int(rng.integers(0, 9))).hex().encode() for _ in range(n))
        return t
    where = where or rng.choice(["raw", "field", "external"] if external else ["raw", "field"])
    if where == "field":
        kind, values = entries(rng, data_type, n)
        getattr(t, kind).extend(values)
        return t
    bits = helper.tensor_dtype_to_np_dtype(data_type).itemsize * 8
    bits = {"UINT4": 4, "INT4": 4, "FLOAT4E2M1": 4, "UINT2": 2, "INT2": 2, "FLOAT6E2M3": 6, "FLOAT6E3M2": 6}.get(TensorProto.DataType.Name(data_type), bits)
    data = bytearray(rng.bytes(-(-n * bits // 8)))
    if data_type == TensorProto.BOOL:
        data = bytearray(b & 1 for b in data)
    if n * bits % 8:
        data[-1] &= (1 << n * bits % 8) - 1
    if where == "raw":
        t.raw_data = bytes(data)
    else:
        external(t, bytes(data))
    return t


def external_file(folder, rng):
    """Puts bytes into one of a few files, as save_as_external_data does."""
    def put(t, data):
        name = str(rng.choice(["weights.data", "data/more.bin", "one.bin"]))
        os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
        with open(os.path.join(folder, name), "ab") as f:
            f.write(b"\xee" * int(rng.integers(0, 5)))
            offset = f.tell()
            f.write(data)
        t.data_location = TensorProto.EXTERNAL
        t.external_data.add(key="location", value=name)
        t.external_data.add(key="offset", value=str(offset))
        if rng.random() < 0.9:
            t.external_data.add(key="length", value=str(len(data)))
        if rng.random() < 0.2:
            t.external_data.add(key="checksum", value="0" * 40)
    return put


def sparse(rng, name):
    shape = [int(rng.integers(2, 6)) for _ in range(rng.integers(1, 3))]
    nnz = int(rng.integers(0, int(np.prod(shape)) + 1))
    values = tensor(rng, name, int(rng.choice([1, 7, 10, 11])), [nnz])
    indices = tensor(rng, "", TensorProto.INT64, [nnz] if len(shape) == 1 else [nnz, len(shape)])
    return helper.make_sparse_tensor(values, indices, shape)


def constant(rng, output, external):
    node = onnx.NodeProto(op_type="Constant", output=[output])
    a = node.attribute.add()
    a.name = str(rng.choice(["value", "sparse_value", "value_float", "value_int", "value_string", "value_floats", "value_ints", "value_strings"]))
    if a.name == "value":
        a.type = AttributeProto.TENSOR
        a.t.CopyFrom(tensor(rng, "ignored", external=external))
    elif a.name == "sparse_value":
        a.type = AttributeProto.SPARSE_TENSOR
        a.sparse_tensor.CopyFrom(sparse(rng, "ignored"))
    else:
        value = {"value_float": 1.5, "value_int": -7, "value_string": b"text", "value_floats": [1.0, 2.0], "value_ints": [1, -2, 3],
                 "value_strings": [b"a", b"", b"bcd"]}[a.name]
        a.CopyFrom(helper.make_attribute(a.name, value))
    return node


def node(rng, output, external, depth):
    how = rng.integers(0, 6)
    if how == 0:
        return constant(rng, output, external)
    if how == 1:
        n = helper.make_node("TreeEnsembleClassifier", ["x"], [output], domain="ai.onnx.ml", nodes_values=rng.standard_normal(7).tolist(),
                             nodes_treeids=rng.integers(-5, 5, 9).tolist(), nodes_modes=["BRANCH_LEQ", "LEAF"], post_transform="NONE")
        n.attribute.add(name="empty", type=AttributeProto.INTS)
        return n
    if how == 2:
        return helper.make_node("TfIdfVectorizer", ["x"], [output], pool_int64s=[1, 2, 300], weights=[0.5], mode="TF", pool_strings=["ab", "c"])
    if how == 3 and depth < 4:
        return helper.make_node("If", ["c"], ["", output], then_branch=graph(rng, external, depth + 1), else_branch=graph(rng, external, depth + 1))
    if how == 4:
        return helper.make_node("Custom", ["x"], [""], name="called " + output, domain="my.domain", tensor=tensor(rng, "t"),
                                tensors=[tensor(rng, "t", external=external) for _ in range(rng.integers(1, 3))], floats=[1.0], sparse=sparse(rng, "s"),
                                graphs=[graph(rng, external, depth + 1)] if depth < 3 else [1])
    return helper.make_node("Conv", ["x", "w"], [output], kernel_shape=[3, 3], alpha=1.0)


def graph(rng, external, depth=0):
    g = onnx.GraphProto(name=f"graph {depth}")
    for i in range(int(rng.integers(1, 8 if depth == 0 else 4))):
        g.initializer.append(tensor(rng, f"{rng.choice(NAMES)}.{i}" if rng.random() < 0.95 else "w", external=external))
    for i in range(int(rng.integers(0, 3))):
        g.sparse_initializer.append(sparse(rng, f"sparse.{i}"))
    for i in range(int(rng.integers(0, 5))):
        g.node.append(node(rng, f"out{i}", external, depth))
    return g


def model(rng, folder, strange):
    external = external_file(folder, rng)
    g = graph(rng, external)
    for i in range(int(rng.integers(0, 3))):
        g.input.append(helper.make_tensor_value_info(f"in{i}", int(rng.choice(TYPES)), [["batch", 3, None][int(k)] for k in rng.integers(0, 3, 3)]))
        g.output.append(helper.make_tensor_value_info(f"out{i}", TensorProto.FLOAT, None))
    q = g.quantization_annotation.add(tensor_name="x")
    q.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="s")
    m = helper.make_model(g, producer_name="random", opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 3)])
    m.metadata_props.add(key="author", value="nobody \u00e9")
    m.metadata_props.add(key="author", value="the last")
    f = m.functions.add(name="F", domain="my.domain", overload=str(rng.choice(["", "one"])))
    f.node.append(constant(rng, "inside", external))
    f.attribute_proto.add(name="default", type=AttributeProto.TENSOR).t.CopyFrom(tensor(rng, "t"))
    t = m.training_info.add()
    t.initialization.CopyFrom(graph(rng, external, 3))
    t.algorithm.CopyFrom(graph(rng, external, 3))
    path = os.path.join(folder, "model.onnx")
    with open(path, "wb") as out:
        out.write(rewritten(rng, m.SerializeToString(), m.DESCRIPTOR, strange))
    return path
