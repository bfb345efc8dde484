# SPDX-License-Identifier: MIT
"""TensorFlow Lite models made of LiteRT's own schema classes, and what they hold by these."""
import json
import struct

import flatbuffers
import ml_dtypes
import numpy as np
from ai_edge_litert import schema_py_generated as schema

TYPES = {v: k for k, v in vars(schema.TensorType).items() if isinstance(v, int)}
BITS = {"INT4": 4, "UINT4": 4, "INT2": 2}
DTYPES = {k: k.lower() for k in TYPES.values()} | {"FLOAT8_E4M3FN": "float8_e4m3fn", "FLOAT8_E5M2": "float8_e5m2"}
WIDTHS = {"FLOAT32": 4, "FLOAT16": 2, "INT32": 4, "UINT8": 1, "INT64": 8, "BOOL": 1, "INT16": 2, "COMPLEX64": 8, "INT8": 1, "FLOAT64": 8, "COMPLEX128": 16,
          "UINT64": 8, "UINT32": 4, "UINT16": 2, "BFLOAT16": 2, "FLOAT8_E4M3FN": 1, "FLOAT8_E5M2": 1}
PLAIN = [*WIDTHS, *BITS]


def size_of(word, shape):
    n = int(np.prod(shape, dtype=np.int64))
    return (n * BITS[word] + 7) // 8 if word in BITS else n * WIDTHS[word]


def buffer(data=None, offset=0, size=0):
    b = schema.BufferT()
    b.data = None if data is None else np.frombuffer(data, np.uint8)
    b.offset, b.size = offset, size
    return b


def quantization(scale=(), zero=(), axis=0, low=(), high=()):
    q = schema.QuantizationParametersT()
    q.scale, q.zeroPoint, q.quantizedDimension = np.array(scale, "<f4"), np.array(zero, "<i8"), axis
    q.min, q.max = np.array(low, "<f4"), np.array(high, "<f4")
    return q


def tensor(name, word, shape, number, q=None, sparsity=None, signature=None, external=0):
    t = schema.TensorT()
    t.name, t.shape, t.buffer, t.quantization, t.sparsity = name, shape, number, q, sparsity
    t.type = word if isinstance(word, int) else getattr(schema.TensorType, word)
    t.shapeSignature, t.externalBuffer = signature, external
    return t


def graph(tensors, name=None, inputs=(), outputs=(), operators=()):
    g = schema.SubGraphT()
    g.tensors, g.name, g.inputs, g.outputs, g.operators = tensors, name, list(inputs), list(outputs), list(operators)
    return g


def model(graphs, buffers, version=3, description=None, metadata=(), signatures=None, codes=()):
    m = schema.ModelT()
    m.version, m.subgraphs, m.buffers, m.description = version, graphs, buffers, description
    m.operatorCodes, m.signatureDefs, m.metadata = list(codes), signatures, []
    for name, number in metadata:
        one = schema.MetadataT()
        one.name, one.buffer = name, number
        m.metadata.append(one)
    b = flatbuffers.Builder(1024)
    b.Finish(m.Pack(b), b"TFL3")
    return bytes(b.Output())


def vector_of(b, tables):
    """Tables, each written already, as a vector in the builder."""
    b.StartVector(4, len(tables), 4)
    for t in reversed(tables):
        b.PrependUOffsetTRelative(t)
    return b.EndVector()


def strings(words):
    at, offsets = 4 * (len(words) + 2), []
    for w in words:
        offsets.append(at)
        at += len(w)
    return struct.pack(f"<{len(words) + 2}i", len(words), *offsets, at) + b"".join(words)


def index_vector(values, width):
    kind = {4: schema.Int32VectorT, 2: schema.Uint16VectorT, 1: schema.Uint8VectorT}[width]()
    kind.values = np.array(values, {4: "<i4", 2: "<u2", 1: "u1"}[width])
    return {4: 1, 2: 2, 1: 3}[width], kind


def dimension(size=0, segments=None, indices=None, widths=(4, 4)):
    d = schema.DimensionMetadataT()
    d.denseSize = size
    if segments is not None:
        d.format = 1
        d.arraySegmentsType, d.arraySegments = index_vector(segments, widths[0])
        d.arrayIndicesType, d.arrayIndices = index_vector(indices, widths[1])
    return d


def sparsity(order, blocks, dimensions):
    s = schema.SparsityParametersT()
    s.traversalOrder, s.blockMap, s.dimMetadata = list(order), list(blocks), dimensions
    return s


# --- what a file holds, by the generated classes -----------------------------------------------

def text(s):
    return "" if s is None else s.decode("utf-8", "surrogateescape") if isinstance(s, bytes) else s


def floats(values):
    return [float(v) for v in np.asarray(values, "<f4")] if not isinstance(values, int) else []


def stored(content, m, number):
    b = m.Buffers(number)
    if b.DataLength():
        return b.DataAsNumpy().tobytes()
    return content[b.Offset():b.Offset() + b.Size()] if b.Offset() > 1 and b.Size() else None


def attributes(t):
    """Of quantization; lists as arrays of their own type."""
    q, told = t.Quantization(), {}
    if q is not None:
        for key, length, values in (("scale", q.ScaleLength(), q.ScaleAsNumpy), ("zero_point", q.ZeroPointLength(), q.ZeroPointAsNumpy),
                                    ("min", q.MinLength(), q.MinAsNumpy), ("max", q.MaxLength(), q.MaxAsNumpy)):
            if length:
                told[key] = values()
        if q.ScaleLength():
            told["quantized_dimension"] = q.QuantizedDimension()
    return told


def expected(content):
    """[(path, word of the type, shape, bytes, attributes)] of all tensors that have bytes, in order."""
    m = schema.Model.GetRootAs(content, 0)
    for g in range(m.SubgraphsLength()):
        sub = m.Subgraphs(g)
        below = "" if g == 0 else (text(sub.Name()) or str(g)) + "/"
        for i in range(sub.TensorsLength()):
            t = sub.Tensors(i)
            data = stored(content, m, t.Buffer())
            if data is not None:
                yield below + (text(t.Name()) or "_"), TYPES.get(t.Type(), str(t.Type())), [t.Shape(k) for k in range(t.ShapeLength())], data, attributes(t)


# --- models at random -----------------------------------------------------------------------------

NAMES = ["weight", "dense/kernel", "dense/bias", "a;b", "conv.w", "x y", "\u00e9", "", "w:0", "deep/er/name"]


def random_tensor(rng, buffers):
    word = rng.choice(PLAIN + ["STRING"])
    shape = [rng.choice([1, 2, 3, 5, 8]) for _ in range(rng.randrange(5))]
    n = int(np.prod(shape, dtype=np.int64))
    q = None
    if word == "STRING":
        data = strings([rng.randbytes(rng.choice([0, 1, 5, 40])) for _ in range(n)])
    else:
        data = rng.randbytes(size_of(word, shape))
        if "INT" in word and rng.random() < 0.6:
            axis = rng.randrange(len(shape)) if shape and rng.random() < 0.5 else None
            count = 1 if axis is None else shape[axis]
            q = quantization([rng.uniform(1e-6, 1) for _ in range(count)], [rng.choice([0, 0, 3, -128]) for _ in range(count)], axis or 0,
                             [-rng.random()] * rng.randrange(2), [rng.random()] * rng.randrange(2))
    number = rng.randrange(1, len(buffers)) if word == "UINT8" and len(buffers) > 1 and rng.random() < 0.2 else 0
    if number and buffers[number].data is not None:  # a buffer that another has, too
        return tensor(rng.choice(NAMES), "UINT8", [len(buffers[number].data)], number)
    if rng.random() < 0.15:  # no bytes: what is computed
        return tensor(rng.choice(NAMES), word, shape, 0, q)
    buffers.append(buffer(data))
    return tensor(rng.choice(NAMES), word, shape, len(buffers) - 1, q)


def random_model(rng):
    buffers = [buffer()]
    graphs = [graph([random_tensor(rng, buffers) for _ in range(rng.choice([0, 1, 4, 9]))], rng.choice([None, "main", "while/body", "cond"]))
              for _ in range(rng.choice([1, 1, 2, 3]))]
    metadata = []
    if rng.random() < 0.5:
        buffers.append(buffer(b"1.14.0".ljust(16, b"\0")))
        metadata.append(("min_runtime_version", len(buffers) - 1))
    if rng.random() < 0.3:
        buffers.append(buffer(rng.randbytes(30)))
        metadata.append(("CONVERSION_METADATA", len(buffers) - 1))
    return model(graphs, buffers, description=rng.choice([None, "MLIR Converted."]), metadata=metadata)
