# SPDX-License-Identifier: MIT
"""What is to be shown of an ONNX file, by what onnx's own classes say of it: a dictionary of paths, whose values
are Array, Strings, Sparse; a tensor that the library cannot read is a Fault."""
import collections
import os
import warnings

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, numpy_helper

warnings.simplefilter("ignore")
Array = collections.namedtuple("Array", "dtype shape type data said")
Strings = collections.namedtuple("Strings", "shape type data said")   # data: a list of bytes
Sparse = collections.namedtuple("Sparse", "shape type")
Fault = collections.namedtuple("Fault", "")

DTYPES = {"FLOAT": "float32", "UINT8": "uint8", "INT8": "int8", "UINT16": "uint16", "INT16": "int16", "INT32": "int32", "INT64": "int64",
          "STRING": "string", "BOOL": "bool", "FLOAT16": "float16", "DOUBLE": "float64", "UINT32": "uint32", "UINT64": "uint64",
          "COMPLEX64": "complex64", "COMPLEX128": "complex128", "BFLOAT16": "bfloat16", "FLOAT8E4M3FN": "float8_e4m3fn",
          "FLOAT8E4M3FNUZ": "float8_e4m3fnuz", "FLOAT8E5M2": "float8_e5m2", "FLOAT8E5M2FNUZ": "float8_e5m2fnuz", "UINT4": "uint4",
          "INT4": "int4", "FLOAT4E2M1": "float4_e2m1fn", "FLOAT8E8M0": "float8_e8m0fnu", "UINT2": "uint2", "INT2": "int2",
          "FLOAT6E2M3": "float6_e2m3fn", "FLOAT6E3M2": "float6_e3m2fn"}
BITS = {"UINT4": 4, "INT4": 4, "FLOAT4E2M1": 4, "UINT2": 2, "INT2": 2, "FLOAT6E2M3": 6, "FLOAT6E3M2": 6}


def packed(values, bits):
    """Elements of fewer bits than 8, in a byte each, little end first."""
    low = np.asarray(values).reshape(-1).view(np.uint8) & ((1 << bits) - 1)
    each = np.unpackbits(low[:, None], axis=1, count=bits, bitorder="little")
    return np.packbits(each.reshape(-1), bitorder="little").tobytes()


def word(number):
    return TensorProto.DataType.Name(number)


def said_of(t):
    said = {p.key: p.value for p in t.metadata_props}
    if t.HasField("doc_string"):
        said["onnx.doc_string"] = t.doc_string
    return said


def with_length(t):
    """Where no length is told, it is the tensor's; the library reads to the file's end."""
    if t.data_location == TensorProto.EXTERNAL and not any(e.key == "length" for e in t.external_data):
        t = TensorProto.FromString(t.SerializeToString())
        name = word(t.data_type)
        bits = BITS.get(name) or onnx.helper.tensor_dtype_to_np_dtype(t.data_type).itemsize * 8
        t.external_data.add(key="length", value=str(-(-int(np.prod(t.dims, dtype=object)) * bits // 8)))
    return t


def tensor(t, base):
    try:
        name, said = word(t.data_type), said_of(t)
        if name == "STRING":  # which to_array() pads to the longest
            fits = len(t.string_data) == np.prod(t.dims, dtype=object) and not t.HasField("segment")
            return Strings(list(t.dims), name, list(t.string_data), said) if fits else Fault()
        values = numpy_helper.to_array(with_length(t), base)
    except Exception:
        return Fault()
    if values.shape != tuple(t.dims):
        return Fault()
    little = values.astype(values.dtype.newbyteorder("<")) if values.dtype.byteorder == ">" else values
    data = packed(values, BITS[name]) if name in BITS else np.ascontiguousarray(little).tobytes()
    return Array(DTYPES[name], list(t.dims), name, data, said)


def text(name):
    """The library gives bytes where a string is not UTF-8."""
    return name.decode(errors="surrogateescape") if isinstance(name, bytes) else name


def escaped(part):
    if part in (".", ".."):
        return "%2E" * len(part)
    return "".join(f"%{ord(c) & 255:02X}" if c < " " or c == "\x7f" or "\udc80" <= c <= "\udcff" else c for c in part)


def component(name):
    return "/".join(escaped(p) for p in text(name).split("/") if p) or "_"


class Tree:
    def __init__(self, base):
        self.base, self.leaves = base, {}

    def put(self, at, name, leaf):
        """The second of a name is the name and ~2."""
        whole = path = at + component(name)
        k = 2
        while path in self.leaves or any(p.startswith(path + "/") for p in self.leaves):
            path = f"{whole}~{k}"
            k += 1
        self.leaves[path] = leaf
        return path

    def tensor(self, at, name, t):
        self.put(at, name, tensor(t, self.base))

    def sparse(self, at, name, s):
        path = self.put(at, name, Sparse(list(s.dims), word(s.values.data_type)))
        self.leaves[path + "/values"] = tensor(s.values, self.base)
        self.leaves[path + "/indices"] = tensor(s.indices, self.base)

    def list(self, at, name, a, kind):
        if kind == "FLOATS":
            self.put(at, name, Array("float32", [len(a.floats)], kind, np.array(a.floats, "<f4").tobytes(), {}))
        elif kind == "INTS":
            self.put(at, name, Array("int64", [len(a.ints)], kind, np.array(a.ints, "<i8").tobytes(), {}))
        else:
            self.put(at, name, Strings([len(a.strings)], kind, list(a.strings), {}))

    def attribute(self, at, a, arrays, skip=False):
        name = a.name
        if skip:
            return
        if a.HasField("t"):
            self.tensor(at, name, a.t)
        if a.HasField("sparse_tensor"):
            self.sparse(at, name, a.sparse_tensor)
        for kind, field in (("FLOATS", "floats"), ("INTS", "ints"), ("STRINGS", "strings")):
            if arrays and (len(getattr(a, field)) or a.type == AttributeProto.AttributeType.Value(kind)):
                self.list(at, name, a, kind)
        below = at + component(name) + "/"
        for i, t in enumerate(a.tensors):
            self.tensor(below, str(i), t)
        for i, s in enumerate(a.sparse_tensors):
            self.sparse(below, str(i), s)
        for i, g in enumerate(a.graphs):
            self.graph(f"{below}{i}/", g)
        if a.HasField("g"):
            self.graph(below, a.g)

    def constant(self, at, output, a):
        if a.name == "value" and a.HasField("t"):
            self.tensor(at, output, a.t)
        elif a.name == "sparse_value" and a.HasField("sparse_tensor"):
            self.sparse(at, output, a.sparse_tensor)
        elif a.name == "value_float" and a.HasField("f"):
            self.put(at, output, Array("float32", [], "FLOAT", np.float32(a.f).tobytes(), {}))
        elif a.name == "value_int" and a.HasField("i"):
            self.put(at, output, Array("int64", [], "INT", np.int64(a.i).tobytes(), {}))
        elif a.name == "value_string" and a.HasField("s"):
            self.put(at, output, Strings([], "STRING", [a.s], {}))
        elif a.name in ("value_floats", "value_ints", "value_strings"):
            kind = a.name[6:].upper()
            if len(getattr(a, a.name[6:])) or a.type == AttributeProto.AttributeType.Value(kind):
                self.list(at, output, a, kind)
        else:
            return False
        return True

    def node(self, at, n):
        output = next((o for o in n.output if o), "") or n.name or "_"
        own = n.domain in ("", "ai.onnx")
        arrays = n.domain == "ai.onnx.ml" or (own and n.op_type == "TfIdfVectorizer")
        for a in n.attribute:
            if not (own and n.op_type == "Constant" and self.constant(at, output, a)):
                self.attribute(at + component(output) + "/", a, arrays)

    def graph(self, at, g):
        for t in g.initializer:
            self.tensor(at, t.name, t)
        for s in g.sparse_initializer:
            self.sparse(at, s.values.name, s)
        for n in g.node:
            self.node(at, n)

    def model(self, m):
        self.graph("", m.graph)
        for f in m.functions:
            at = f"functions/{component(text(f.domain) + '::' + text(f.name) + (':' + text(f.overload) if f.overload else ''))}/"
            for n in f.node:
                self.node(at, n)
            for a in f.attribute_proto:
                self.attribute(at, a, False)
        for i, t in enumerate(m.training_info):
            self.graph(f"training_info/{i}/initialization/", t.initialization)
            self.graph(f"training_info/{i}/algorithm/", t.algorithm)


def attributes(m):
    """Of the root."""
    said = {p.key: p.value for p in m.metadata_props}
    for field, name in (("ir_version", "ir_version"), ("producer_name", "producer_name"), ("producer_version", "producer_version"),
                        ("domain", "domain"), ("model_version", "model_version"), ("doc_string", "doc_string")):
        if m.HasField(field):
            said["onnx." + name] = getattr(m, field)
    if m.graph.HasField("name"):
        said["onnx.graph"] = m.graph.name
    said["onnx.opset_import"] = {o.domain: o.version for o in m.opset_import}
    return said


def value(v):
    """An input or output, of a tensor's type."""
    told = {"name": v.name}
    if v.HasField("type"):
        kind = v.type.WhichOneof("value")
        of = v.type.tensor_type
        if kind == "tensor_type":
            told["type"] = word(of.elem_type)
            if of.HasField("shape"):
                told["shape"] = [d.dim_value if d.WhichOneof("value") == "dim_value" else d.dim_param if d.WhichOneof("value") else None
                                 for d in of.shape.dim]
    return told


def details(m):
    operators = collections.Counter(n.op_type if n.domain in ("", "ai.onnx") else f"{n.domain}::{n.op_type}" for n in m.graph.node)
    return {"inputs": [value(v) for v in m.graph.input], "outputs": [value(v) for v in m.graph.output],
            "opsets": {o.domain: o.version for o in m.opset_import}, "operators": dict(operators),
            "quantization_annotation": [{"tensor_name": q.tensor_name, "quant_parameter_tensor_names":
                                         {p.key: p.value for p in q.quant_parameter_tensor_names}} for q in m.graph.quantization_annotation]}


def shown(path):
    """(leaves, attributes of the root, details of the root)"""
    m = onnx.load(path, load_external_data=False)
    tree = Tree(os.path.dirname(os.path.abspath(path)))
    tree.model(m)
    return tree.leaves, attributes(m), details(m)


def lone(path):
    """None if it is no lone tensor."""
    t = TensorProto()
    try:
        with open(path, "rb") as f:
            t.ParseFromString(f.read())
    except Exception:
        return None
    if t.data_type == 0 or t.data_location:
        return None
    leaf = tensor(t, "")
    return None if isinstance(leaf, Fault) else leaf
