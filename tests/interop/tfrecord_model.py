# SPDX-License-Identifier: MIT
"""TFRecord for tests: Example and SequenceExample from their definition, records framed with google_crc32c, and what is to be
shown of features: the rules of docs/formats/tfrecord.md, written down a second time."""
import base64
import struct

from tap import need

np, crc32c, pb, pool, factory = need("numpy", "google_crc32c", "google.protobuf.descriptor_pb2", "google.protobuf.descriptor_pool",
                                     "google.protobuf.message_factory")

F = pb.FieldDescriptorProto


def classes():
    """Example and SequenceExample, as tensorflow/core/example defines them."""
    f = pb.FileDescriptorProto(name="example.proto", package="tensorflow", syntax="proto3")
    lists = (("BytesList", F.TYPE_BYTES), ("FloatList", F.TYPE_FLOAT), ("Int64List", F.TYPE_INT64))
    for name, type_ in lists:
        f.message_type.add(name=name).field.add(name="value", number=1, type=type_, label=F.LABEL_REPEATED)
    feature = f.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for i, (name, field) in enumerate((("BytesList", "bytes_list"), ("FloatList", "float_list"), ("Int64List", "int64_list"))):
        feature.field.add(name=field, number=i + 1, type=F.TYPE_MESSAGE, type_name=f".tensorflow.{name}", label=F.LABEL_OPTIONAL, oneof_index=0)

    def maps(name, field, value):
        m = f.message_type.add(name=name)
        entry = m.nested_type.add(name=field.title().replace("_", "") + "Entry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, type=F.TYPE_STRING, label=F.LABEL_OPTIONAL)
        entry.field.add(name="value", number=2, type=F.TYPE_MESSAGE, type_name=f".tensorflow.{value}", label=F.LABEL_OPTIONAL)
        m.field.add(name=field, number=1, type=F.TYPE_MESSAGE, type_name=f".tensorflow.{name}.{entry.name}", label=F.LABEL_REPEATED)

    maps("Features", "feature", "Feature")
    f.message_type.add(name="FeatureList").field.add(name="feature", number=1, type=F.TYPE_MESSAGE, type_name=".tensorflow.Feature",
                                                     label=F.LABEL_REPEATED)
    maps("FeatureLists", "feature_list", "FeatureList")
    f.message_type.add(name="Example").field.add(name="features", number=1, type=F.TYPE_MESSAGE, type_name=".tensorflow.Features",
                                                 label=F.LABEL_OPTIONAL)
    s = f.message_type.add(name="SequenceExample")
    s.field.add(name="context", number=1, type=F.TYPE_MESSAGE, type_name=".tensorflow.Features", label=F.LABEL_OPTIONAL)
    s.field.add(name="feature_lists", number=2, type=F.TYPE_MESSAGE, type_name=".tensorflow.FeatureLists", label=F.LABEL_OPTIONAL)
    p = pool.DescriptorPool()
    p.Add(f)
    return [factory.GetMessageClass(p.FindMessageTypeByName(f"tensorflow.{n}")) for n in ("Example", "SequenceExample", "Feature")]


Example, SequenceExample, Feature = classes()
LISTS = {"int": "int64_list", "float": "float_list", "bytes": "bytes_list"}


def masked(raw):
    crc = crc32c.value(raw)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xa282ead8) & 0xffffffff)


def record(raw):
    length = struct.pack("<Q", len(raw))
    return length + masked(length) + raw + masked(raw)


def set_feature(feature, values):
    """values: (kind, list), or None for a feature of no kind."""
    if values is not None:
        getattr(feature, LISTS[values[0]]).value.extend(values[1])
        getattr(feature, LISTS[values[0]]).SetInParent()


def example(row):
    """The map's entries in the order of the row, which the library would not keep: messages are merged."""
    raw = b""
    for name, values in row.items():
        e = Example()
        set_feature(e.features.feature[name], values)
        raw += e.SerializeToString()
    return raw


def exact(v):
    return int(float(v)) == v


def text(kind, v):
    if kind == "bytes":
        return b'"' + base64.b64encode(v) + b'"'
    return repr(v).encode()


def values_column(files, path, values):
    """values: (kind, value) or None, one a slot."""
    kinds = {v[0] for v in values if v is not None}
    if kinds == {"int", "float"} and all(exact(v[1]) for v in values if v and v[0] == "int"):
        files.add(path, "float64", [len(values)], np.array([0 if v is None else v[1] for v in values], "<f8").tobytes())
    elif len(kinds) > 1:
        files.texts(path, "string", [b"" if v is None else text(*v) for v in values])
    elif kinds == {"bytes"}:
        files.texts(path, "bytes", [b"" if v is None else v[1] for v in values])
    elif kinds:
        dtype = "int64" if kinds == {"int"} else "float32"
        files.add(path, dtype, [len(values)], np.array([0 if v is None else v[1] for v in values], dtype).tobytes())
    else:
        files.add(path, "null", [len(values)], b"")


def list_column(files, path, lists):
    files.add(path, "list", [len(lists)])
    ends = np.concatenate([[0], np.cumsum(np.array([len(x or []) for x in lists], "i8"))]).astype("<i8")
    files.add(f"{path}/offsets", "int64", ends.shape, ends.tobytes())


def feature_column(files, path, features):
    """features: None, or (kind, values)."""
    there = [f for f in features if f is not None]
    if not there:
        files.add(path, "null", [len(features)], b"")
        return
    if all(len(f[1]) == 1 for f in there):
        values_column(files, path, [None if f is None else (f[0], f[1][0]) for f in features])
    else:
        list_column(files, path, [None if f is None else f[1] for f in features])
        inner = [(f[0], v) for f in there for v in f[1]]
        if inner:
            values_column(files, f"{path}/values", inner)
        else:
            kinds = {f[0] for f in there}
            if kinds == {"bytes"}:
                files.texts(f"{path}/values", "bytes", [])
            else:
                files.add(f"{path}/values", {"int": "int64", "float": "float32"}[kinds.pop()] if len(kinds) == 1 else "null", [0], b"")
    files.validity(path, features, [True] * len(features))
