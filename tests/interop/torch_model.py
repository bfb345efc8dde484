# SPDX-License-Identifier: MIT
"""What is to be shown of a PyTorch file, a pickle or a joblib file, as docs/formats/torch.md has it.

The structure comes from the records of torch_records.py, the elements from NumPy, which is given the
storage and the strides; that these are the elements that PyTorch sees is checked with torch.load()."""
import gzip
import io
import json
import math
import zipfile
import zlib

import ml_dtypes
import numpy as np

import torch_records as records
from arrow_model import escaped, free, shortened
from ndarrays import leaves
from torch_records import Made, Mapping, Name, OutOfBand, Persistent, Sequence, Str2, Text

# torch's word: ours, and bytes of an element
DTYPES = {w: (w, np.dtype(w).itemsize) for w in ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
                                                 "bool", "complex64", "complex128")}
DTYPES |= {w: (w, np.dtype(getattr(ml_dtypes, w)).itemsize) for w in ("bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu")}
DTYPES |= {"float4_e2m1fn_x2": ("float4_e2m1fn", 1), "qint8": ("int8", 1), "quint8": ("uint8", 1), "qint32": ("int32", 4), "complex32": ("V4", 4), "bits16": ("V2", 2)}
DTYPES |= {w: ("V1", 1) for w in ("bits8", "bits1x8", "bits2x4", "bits4x2", "quint4x2", "quint2x4")}
DTYPES |= {f"{u}int{n}": ("V1", 1) for u in ("", "u") for n in range(1, 8)}
STORAGES = {"Float": "float32", "Double": "float64", "Half": "float16", "BFloat16": "bfloat16", "Long": "int64", "Int": "int32", "Short": "int16", "Char": "int8",
            "Byte": "uint8", "Bool": "bool", "ComplexFloat": "complex64", "ComplexDouble": "complex128", "QInt8": "qint8", "QUInt8": "quint8", "QInt32": "qint32",
            "QUInt4x2": "quint4x2", "QUInt2x4": "quint2x4"}
PT2 = {1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64", 9: "complex32", 10: "complex64", 11: "complex128",
       12: "bool", 13: "bfloat16", 28: "uint16", 29: "float8_e4m3fn", 30: "float8_e5m2", 31: "float8_e4m3fnuz", 32: "float8_e5m2fnuz", 33: "float8_e8m0fnu",
       34: "uint32", 35: "uint64"}
ANY = object()      # an attribute of which nothing is promised
LEGACY_MAGIC = 0x1950a86a20f9469cfc6c


class Either:
    """One of these."""

    def __init__(self, *values):
        self.values = values

    def __eq__(self, other):
        return other in self.values

    def __repr__(self):
        return f"one of {self.values}"


class Leaf:
    """A file; data: None is EIO; key: equal ones are one inode."""

    def __init__(self, dtype, shape, types, byteorder, data, key=None, order="C"):
        self.dtype, self.shape, self.types, self.byteorder, self.data, self.key, self.order = dtype, shape, types, byteorder, data, key, order


class Parts:
    """The directory of a tensor that is several files."""

    def __init__(self, dtype, kind, shape, parts, attributes):
        self.dtype, self.type, self.shape, self.parts, self.attributes = dtype, kind, shape, parts, attributes


class Fields:
    """A structured array."""

    def __init__(self, array, fortran):
        self.array, self.fortran = array, fortran


class Shown:
    def __init__(self):
        self.files, self.parts = {}, {}             # path: Leaf, Parts
        self.attributes, self.modules = {"": {}}, set()   # directory: {name: value}; those with more than is promised
        self.taken, self.implied = {"": {".arrayfs"}}, {}

    def place(self, at, name):
        """The path of what is called so in a directory; no two are the same."""
        *above, last = [escaped(p) for p in name.encode("utf-8", "surrogateescape").split(b"/") if p] or ["_"]
        for part in above:
            if (at, part) not in self.implied:
                self.implied[at, part] = self.new(at, shortened("", part))
            at = self.implied[at, part]
        return self.new(at, shortened("", last))

    def new(self, at, part):
        part = free(part, self.taken[at])
        self.taken[at].add(part)
        path = f"{at}/{part}" if at else part
        self.taken[path] = set()
        return path


# --- values ---------------------------------------------------------------------

def of_float(v):
    return v if math.isfinite(v) else "NaN" if v != v else "Infinity" if v > 0 else "-Infinity"


def is_dtype(v):
    return isinstance(v, Name) and v.module == "torch" and v.name in DTYPES


def value_of(v, seen=()):
    """As JSON; ANY for what is no plain value."""
    if id(v) in seen:
        return ANY
    seen = (*seen, id(v))
    if v is None or isinstance(v, (bool, int)):
        return v
    if isinstance(v, Str2):
        return v.decode()
    if isinstance(v, float):
        return of_float(v)
    if isinstance(v, complex):
        return [of_float(v.real), of_float(v.imag)]
    if isinstance(v, str):
        return str(v)
    if is_dtype(v):
        return str(v)
    if isinstance(v, Sequence):
        inner = [value_of(i, seen) for i in v.items]
        return ANY if any(i is ANY for i in inner) else inner
    if isinstance(v, Mapping):
        inner = {key_name(k): value_of(x, seen) for k, x in entries(v)}
        return ANY if any(i is ANY for i in inner.values()) else inner
    if isinstance(v, Made) and scalar(v) is not None:
        return scalar(v)
    return ANY


def scalar(made):
    """A numpy scalar that is a value, else None."""
    if not made.called("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar"):
        return None
    dtype = records.dtype_of(made.args[0])
    if dtype.kind not in "biufU":
        return None
    v = np.frombuffer(latin1(made.args[1]), dtype)[0]
    if dtype.kind != "f":
        return v.item()
    return of_float(float(v)) if not np.isfinite(v) else Either(float(v), float(np.format_float_positional(v, unique=True)), float(np.format_float_scientific(v, unique=True)))


def latin1(v):
    return v.encode("latin1") if isinstance(v, str) else bytes(v)


# --- keys -----------------------------------------------------------------------

def python_key(k):
    """The key as Python's own, where it is plain; else None."""
    if isinstance(k, Sequence) and k.kind == "tuple":
        inner = [python_key(i) for i in k.items]
        return None if None in inner else (tuple(i[0] for i in inner),)
    if isinstance(k, Str2):
        return (k.decode(),) if is_text(k) else (bytes(k),)
    if k is None or isinstance(k, (str, bytes, int, float)):
        return (k,)
    return None


def key_name(k):
    if isinstance(k, Name):
        return str(k)
    known = python_key(k)
    if known is None:
        inner = [key_name(i) if python_key(i) is None else repr(python_key(i)[0]) for i in k.items] if isinstance(k, Sequence) and k.kind == "tuple" else None
        return "?" if inner is None else f"({', '.join(inner)}{',' * (len(inner) == 1)})"
    k, = known
    return k if isinstance(k, str) else k.decode("utf-8", "surrogateescape") if isinstance(k, bytes) else repr(k)


def entries(mapping):
    """One for each key: the last value, at the first place."""
    out = {}
    for k, v in mapping.entries:
        known = python_key(k) or (("name", k) if isinstance(k, Name) else ("made", id(k)))
        out[known] = (out[known][0] if known in out else k, v)
    return list(out.values())


def is_text(s):
    try:
        s.decode()
        return True
    except UnicodeDecodeError:
        return False


# --- files ------------------------------------------------------------------------

class Storage:
    def __init__(self, dtype, data, key, numel):
        self.dtype, self.data, self.key, self.numel = dtype, data, key, numel


class File:
    """Where a file's records end and its arrays lie."""

    def __init__(self, data):
        self.byteorder, self.storages, self.format, self.roots, self.script = "little", {}, "pickle", [], False
        self.cache, self.inner, self.legacies = {}, {}, {}
        if data[:2] == b"PK":
            self.format = "torch"
            self.open_zip(data)
            return
        if data[:2] in (b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"):
            data = gzip.decompress(data) if data[:1] == b"\x1f" else zlib.decompress(data)
            self.format = "joblib"      # who else would
        legacy = self.legacy(data, "")
        if legacy:
            self.format = "torch"
            self.roots = [(None, legacy[0])]
            return
        self.roots = [(None, records.read(io.BytesIO(data), self.wrappers))]

    def wrappers(self, machine, made):
        if isinstance(made, Made) and made.called("joblib.numpy_pickle.NumpyArrayWrapper", "joblib.numpy_pickle.NDArrayWrapper"):
            self.format = "joblib"
        records.joblib_arrays(machine, made)

    def open_zip(self, data):
        z = zipfile.ZipFile(io.BytesIO(data))
        root = z.namelist()[0].split("/")[0] + "/"
        self.records = {i.filename[len(root):]: i for i in z.infolist()}

        def read(name):
            with z.open(self.records[name]) as f:
                f._expected_crc = None      # torch does not look at it
                return f.read()
        if "archive_format" in self.records:
            self.open_pt2(read)
            return
        if "byteorder" in self.records:
            self.byteorder = read("byteorder").decode()
        self.script = "constants.pkl" in self.records
        self.storages = {n[5:]: read(n) for n in self.records if n.startswith("data/")}
        self.roots = [(None, records.read(io.BytesIO(read("data.pkl"))))]
        if self.script:
            constants = {n[10:]: read(n) for n in self.records if n.startswith("constants/")}
            self.roots.append(("constants", records.read(io.BytesIO(read("constants.pkl")))))
            self.constants = constants

    def open_pt2(self, read):
        if "byteorder" in self.records:
            self.byteorder = read("byteorder").decode()
        self.pt2 = []
        for kind in ("weights", "constants"):
            for name in self.records:
                if name.startswith(f"data/{kind}/") and name.endswith(f"_{kind}_config.json"):
                    model = name.split("/")[-1].removesuffix(f"_{kind}_config.json")
                    for fqn, told in json.loads(read(name))["config"].items():
                        path = f"data/{kind}/{told['path_name']}"
                        meta = told["tensor_meta"]
                        self.pt2.append((model, kind, fqn, PT2[meta["dtype"]], [s["as_int"] for s in meta["sizes"]],
                                         [s["as_int"] for s in meta["strides"]], meta["storage_offset"]["as_int"], read(path) if path in self.records else None, path))

    def legacy(self, data, space):
        """The object of a stream of the old form, and what follows; None if it is none."""
        f = io.BytesIO(data)
        try:
            if records.read(f) != LEGACY_MAGIC:
                return None
        except Exception:
            return None
        records.read(f), records.read(f)
        root = records.read(f)
        sizes = {}
        seen = set()

        def storages(v):
            if id(v) in seen:
                return
            seen.add(id(v))
            if isinstance(v, Persistent) and v.pid.items[0] == "storage":
                sizes[v.pid.items[2]] = DTYPES[self.class_of(v.pid.items[1]) or "uint8"][1]
            for inner in below(v):
                storages(inner)
        storages(root)
        for key in records.read(f).items:
            n = int.from_bytes(f.read(8), "little", signed=True)
            self.storages[space + key] = f.read(n * sizes[key])
        self.spaces = getattr(self, "spaces", {})
        self.spaces.update({s: space for s in seen})
        return root, f.tell()

    @staticmethod
    def class_of(name):
        """The dtype of a storage's class; None of untyped ones."""
        return None if name.name == "UntypedStorage" else STORAGES[name.name.removesuffix("Storage")]

    def storage_of(self, v, constants=False):
        if isinstance(v, Made) and v.called("torch.storage._load_from_bytes"):
            if id(v) not in self.legacies:
                self.legacies[id(v)] = self.legacy(latin1(v.args[0]), f"{id(v)}:")[0]
            return self.storage_of(self.legacies[id(v)])
        if not isinstance(v, Persistent) or not isinstance(v.pid, Sequence) or v.pid.items[0] != "storage":
            return None
        _, kind, key, _, numel, *view = v.pid.items
        key = getattr(self, "spaces", {}).get(id(v), "") + key
        dtype = self.class_of(kind)
        data = (self.constants if constants else self.storages).get(key)
        if view and view[0] is not None and data is not None:
            _, offset, length = view[0].items
            width = DTYPES[dtype or "uint8"][1]
            return Storage(dtype, data[offset * width:(offset + length) * width], (key, offset), length)
        return Storage(dtype, data, ("constant" if constants else "", key), numel)


def below(v):
    """The records in a record."""
    if isinstance(v, Sequence):
        return list(v.items)
    if isinstance(v, Mapping):
        return [i for e in v.entries for i in e]
    if isinstance(v, Made):
        return [*v.args, *v.items, *(i for e in (*v.kwargs, *v.entries) for i in e), *([v.state] if v.state is not None else [])]
    if isinstance(v, Persistent):
        return []
    return []


# --- arrays -------------------------------------------------------------------------

WRAPPERS = ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state", "torch._utils._rebuild_device_tensor_from_numpy",
            "torch._utils._rebuild_device_tensor_from_cpu_tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer")
SPARSE = {"sparse_coo": ("indices", "values"), "sparse_csr": ("crow_indices", "col_indices", "values"), "sparse_bsr": ("crow_indices", "col_indices", "values"),
          "sparse_csc": ("ccol_indices", "row_indices", "values"), "sparse_bsc": ("ccol_indices", "row_indices", "values")}
NUMPY = ("numpy.core.multiarray.", "numpy._core.multiarray.", "numpy.core.numeric.", "numpy._core.numeric.", "numpy.")


def ints(v):
    return [int(i) for i in v.items]


def gather(data, offset, shape, strides, width):
    """The elements in C order, or None if the storage has not all."""
    if data is None or offset < 0 or any(s < 0 for s in (*shape, *strides)):
        return None
    if not records.count(shape):
        return b""
    if offset + sum((n - 1) * s for n, s in zip(shape, strides)) >= len(data) // width:
        return None
    flat = np.frombuffer(data, f"V{width}", len(data) // width)[offset:]
    return np.lib.stride_tricks.as_strided(flat, shape, [s * width for s in strides]).tobytes()


def negated(data, dtype, bits, order):
    """A conjugate or negative bit flips signs."""
    if not bits:
        return data
    width = {"complex32": 2, "complex64": 4, "complex128": 8}.get(dtype) or DTYPES[dtype][1]
    numbers = np.frombuffer(data, f"{'<' if order == 'little' else '>'}u{width}").copy()
    sign = numbers.dtype.type(1 << (8 * width - 1))
    if bits.get("neg"):
        numbers ^= sign
    if bits.get("conj"):
        numbers[1::2] ^= sign
    return numbers.tobytes()


class Model(File):
    constants_now = False

    def byteorder_of(self, dtype):
        width = 2 if dtype == "complex32" else DTYPES[dtype][1]
        return self.byteorder if width > 1 else None

    def strided(self, storage, dtype, offset, shape, strides, bits=None, key=None):
        ours, width = DTYPES[dtype]
        data = gather(storage.data, offset, shape, strides, width) if storage else None
        told = [*shape[:-1], 2 * shape[-1]] if dtype == "float4_e2m1fn_x2" and shape else list(shape)
        if data is not None:
            data = negated(data, dtype, bits, self.byteorder)
        if any(n < 0 for n in shape):
            told = ANY
        return Leaf(ours, told, {f"torch.{dtype}"}, self.byteorder_of(dtype), data,
                    storage and (storage.key, offset, tuple(shape), tuple(s if n > 1 and all(shape) else 0 for n, s in zip(shape, strides)), dtype, tuple(sorted((bits or {}).items()))))

    def array_of(self, v):
        """The Leaf, Parts or Fields of a record; None if it is no array."""
        if id(v) not in self.cache:
            self.cache[id(v)] = (self.made_array(v), v)
        return self.cache[id(v)][0]

    def unwrap(self, v):
        while isinstance(v, Made):
            if v.called(*WRAPPERS):
                v = v.args[0]
            elif v.called("torch._tensor._rebuild_from_type_v2", "torch._tensor._rebuild_from_type"):
                func, _, args, *_ = v.args
                if func.name == "_rebuild_wrapper_subclass":
                    return v
                v = self.inner.setdefault(id(v), (Made(func, args.items), v))[0]
            else:
                break
        return v

    def made_array(self, v):
        if isinstance(v, Str2):
            return None if is_text(v) else Leaf("uint8", [len(v)], None, None, bytes(v))
        if isinstance(v, (bytes, bytearray)):
            return Leaf("uint8", [len(v)], None, None, bytes(v))
        storage = self.storage_of(v, self.constants_now)
        if storage:
            dtype = storage.dtype or "uint8"
            return self.strided(storage, dtype, 0, [storage.numel], [1])
        if not isinstance(v, Made) or not isinstance(v.callee, Name):
            return None
        module, name = v.callee.module, v.callee.name
        if module == "torch._utils" and name.startswith("_rebuild"):
            return self.tensor(name, v.args)
        if v.raw is not None:
            return self.numpy_raw(v)
        if f"{module}.{name}" in [n + "_reconstruct" for n in NUMPY] and v.state is not None and isinstance(v.state, Sequence):
            _, shape, dtype, fortran, data = v.state.items
            return self.numpy(records.dtype_of(dtype), ints(shape), bool(fortran), data)
        if name == "_frombuffer" and module.endswith(".numeric"):
            data, dtype, shape, order, *axes = v.args
            axes = ints(axes[0]) if order == "K" else None
            return self.numpy(records.dtype_of(dtype), ints(shape), order == "F", data, axes)
        if name == "scalar" and module.endswith(".multiarray") and scalar(v) is None:
            return self.numpy(records.dtype_of(v.args[0]), [], False, v.args[1])
        return None

    def tensor(self, name, args):
        if name == "_rebuild_meta_tensor_no_storage":
            dtype = args[0].name
            return Leaf(DTYPES[dtype][0], ints(args[1]), {f"torch.{dtype}"}, self.byteorder_of(dtype), None)
        if name == "_rebuild_sparse_tensor":
            kind = str(args[0]).removeprefix("torch.")
            parts = args[1].items
            names = SPARSE[kind]
            return Parts("sparse", f"torch.{kind}", ints(parts[len(names)]), dict(zip(names, parts)), {})
        if name == "_rebuild_nested_tensor":
            return Parts("nested", None, ANY, dict(zip(("values", "sizes", "strides", "storage_offsets"), args)), {})
        if name not in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_qtensor"):
            return None
        storage = self.storage_of(args[0], self.constants_now)
        offset, shape, strides = args[1], ints(args[2]), ints(args[3])
        if name == "_rebuild_qtensor":
            return self.quantized(storage, offset, shape, strides, args[4].items)
        dtype = args[6].name if name == "_rebuild_tensor_v3" else storage.dtype
        rest = args[7:] if name == "_rebuild_tensor_v3" else args[6:]
        bits = {k: v for k, v in entries(rest[0]) if v} if rest and isinstance(rest[0], Mapping) else None
        return self.strided(storage, dtype, offset, shape, strides, bits)

    def quantized(self, storage, offset, shape, strides, quantizer):
        values = self.strided(storage, storage.dtype, offset, shape, strides)
        values.types = {f"torch.{storage.dtype}", f"torch.{DTYPES[storage.dtype][0]}"}
        scheme, scale, zero, *axis = quantizer
        parts, attributes = {"values": values}, {"qscheme": Either(scheme.name, str(scheme))}
        if axis:
            parts |= {"scale": scale, "zero_point": zero}
            attributes["axis"] = axis[0]
        else:
            attributes |= {"scale": scale, "zero_point": zero}
        return Parts("quantized", f"torch.{storage.dtype}", shape, parts, attributes)

    def numpy(self, dtype, shape, fortran, data, axes=None):
        if dtype.hasobject:
            return None
        if isinstance(data, OutOfBand):
            return Leaf(ANY, shape, None, ANY, None)
        data = latin1(data)
        array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C") if records.count(shape) * dtype.itemsize else np.zeros(shape, dtype)
        array = array.transpose(axes) if axes else array
        return self.of_numpy(array, fortran and len(shape) > 1)

    @staticmethod
    def of_numpy(array, fortran):
        if array.dtype.names is not None:
            return Fields(array, fortran)
        (_, dtype, order, shape, by, data), = leaves("", array, fortran)
        if array.dtype.type.__module__ == "ml_dtypes":     # a pickle names it, as .npy does not
            dtype, order = ANY if array.dtype.name.startswith(("int", "uint", "float4", "float6")) else array.dtype.name, "little" if array.dtype.itemsize > 1 else None
        return Leaf(dtype, shape, None, order, data, order=by)

    def numpy_raw(self, v):
        told = records.attributes(v)
        dtype = records.dtype_of(told["dtype"])
        if dtype.hasobject:
            return None
        return self.numpy(dtype, ints(told["shape"]), told["order"] == "F", v.raw)

    def objects(self, v):
        """The list of an array of objects, else None."""
        if isinstance(v, Made) and isinstance(v.callee, Name):
            if v.raw is not None and not isinstance(v.raw, bytes):
                return self.objects(v.raw)
            if v.callee.name == "_reconstruct" and isinstance(v.state, Sequence) and len(v.state.items) == 5 and isinstance(v.state.items[4], Sequence):
                return v.state.items[4]     # in C order, also of an array in Fortran's
        return None

    # --- the tree ---

    def simple(self, v):
        v = self.unwrap(v)
        return self.objects(v) or v

    def has_array(self, v, at=()):
        v = self.simple(v)
        if id(v) in at:
            return False
        if self.known.get(id(v)) is not None:
            return self.known[id(v)]
        if self.array_of(v) is not None:
            found = True
        elif isinstance(v, Made) and (v.called("numpy.dtype") or scalar(v) is not None):
            found = False
        else:
            found = any(self.has_array(i, (*at, id(v))) for i in self.children(v))
        self.known[id(v)] = found
        self.kept.append(v)
        return found

    @staticmethod
    def children(v):
        """In which an array would count."""
        if isinstance(v, Mapping):
            return [x for _, x in entries(v)]
        if isinstance(v, Made):
            return [*v.args, *v.items, *(x for _, x in (*v.kwargs, *v.entries)), *([v.state] if v.state is not None else [])]
        return below(v)

    def shown(self):
        self.known, self.kept, self.out = {}, [], Shown()
        if hasattr(self, "pt2"):
            self.show_pt2()
            return self.out
        for name, root in self.roots:
            self.constants_now = name == "constants"
            root = self.simple(root)
            if name:
                if self.has_array(root):
                    self.named("", name, root, ())
            elif self.array_of(root) is not None:
                self.named("", "data", root, ())
            elif not self.has_array(root):
                if value_of(root) is not ANY or not isinstance(root, Made):
                    self.out.attributes[""]["data"] = value_of(root)
            elif self.flat(root):
                self.module("", "", root, ())
            else:
                self.container("", root, ())
        return self.out

    def show_pt2(self):
        several = len({m for m, *_ in self.pt2}) > 1
        for model, kind, fqn, dtype, shape, strides, offset, data, path in self.pt2:
            at = self.out.place("", f"{model}/{kind}/{fqn}" if several else f"{kind}/{fqn}")
            self.out.files[at] = self.strided(Storage(dtype, data, path, None), dtype, offset, shape, strides)

    def flat(self, v):
        """Is it a module, whose names are joined?"""
        if not isinstance(v, Made) or not isinstance(v.state, Mapping):
            return False
        names = [k for k, _ in v.state.entries]
        return all(n in names for n in ("_parameters", "_buffers", "_modules")) or self.script and isinstance(v.callee, Name) and v.callee.module.startswith("__torch__")

    def named(self, at, name, v, path, joined=False):
        """joined: of a module, whose own modules' names are joined to its."""
        v = self.simple(v)
        if id(v) in path:
            return
        if not self.has_array(v):
            value = value_of(v)
            if value is not ANY or not isinstance(v, Made) or v.called("numpy.dtype"):
                self.out.attributes.setdefault(at, {})[name] = value
            return
        array = self.array_of(v)
        if isinstance(array, Leaf):
            self.out.files[self.out.place(at, name)] = array
        elif isinstance(array, Parts):
            here = self.out.place(at, name)
            self.out.parts[here] = array
            for part, inner in array.parts.items():
                if isinstance(inner, Leaf):
                    self.out.files[self.out.place(here, part)] = inner
                else:
                    self.named(here, part, inner, path)
        elif isinstance(array, Fields):
            here = self.out.place(at, name)
            self.out.modules.add(here)
            for inner, dtype, order, shape, by, data in leaves(here, array.array, array.fortran):
                self.out.files[inner] = Leaf(dtype, shape, None, order, data, order=by)
        elif joined and self.flat(v):
            self.module(at, name + ".", v, path)
        else:
            here = self.out.place(at, name)
            self.out.attributes[here] = {}
            if self.flat(v):
                self.module(here, "", v, path)
            else:
                self.container(here, v, path)

    def container(self, at, v, path):
        path = (*path, id(v))
        if isinstance(v, Mapping):
            for k, x in entries(v):
                self.named(at, key_name(k), x, path)
        elif isinstance(v, Sequence):
            for i, x in enumerate(v.items):
                self.named(at, str(i), x, path)
        else:
            self.object(at, v, path)

    def object(self, at, v, path):
        self.out.modules.add(at)
        states = [v.state]
        if isinstance(v.state, Sequence) and len(v.state.items) == 2 and all(s is None or isinstance(s, Mapping) for s in v.state.items):
            states = v.state.items
        if v.called("torch._tensor._rebuild_from_type_v2"):
            states = [v.args[3]]
        for state in states:
            if isinstance(state, Mapping):
                self.container(at, state, path)
        for i, x in enumerate(v.items):
            self.named(at, str(i), x, path)
        self.container(at, Mapping(v.entries), path)
        rest = [(f"args/{i}", x) for i, x in enumerate(v.args)] + [(f"kwargs/{key_name(k)}", x) for k, x in v.kwargs]
        if v.called("torch._tensor._rebuild_from_type_v2"):
            rest = []
        rest += [("state", s) for s in states if s is not None and not isinstance(s, Mapping)]
        for name, x in rest:
            if self.has_array(x):
                self.named(at, name, x, path)

    def module(self, at, prefix, v, path):
        self.out.modules.add(at)
        path = (*path, id(v))
        own = ("_parameters", "_buffers", "_modules")
        state = dict((k, x) for k, x in entries(v.state))
        for group in own:
            for k, x in entries(state[group]) if isinstance(state.get(group), Mapping) else []:
                if x is not None:
                    self.named(at, prefix + key_name(k), x, path, True)
        for k, x in state.items():
            if k not in own and x is not None:
                self.named(at, prefix + key_name(k), x, path, True)


def shown(path):
    with open(path, "rb") as f:
        model = Model(f.read())
    out = model.shown()
    out.format = model.format
    out.held = model        # its records must live as long as their numbers
    return out


# --- PyTorch's word -------------------------------------------------------------------

def bytes_of(tensor):
    import torch
    t = tensor.detach().resolve_conj().resolve_neg().contiguous()
    whole = torch.empty(0, dtype=torch.uint8).set_(t.untyped_storage()).numpy()
    return whole[t.storage_offset() * t.itemsize:][:t.numel() * t.itemsize].tobytes()


def faults_by_torch(loaded, out):
    """Where the model differs from the dense tensors that torch.load() gave, in plain containers."""
    import torch
    faults = []

    def walk(v, name, at):
        if isinstance(v, torch.Tensor):
            if v.layout != torch.strided or v.is_quantized or v.is_meta or v.is_nested:
                return
            leaf = out.files.get(name)
            if leaf is None:
                faults.append(f"{name}: the model lacks it")
            elif leaf.data != bytes_of(v):
                faults.append(f"{name}: the model's bytes are not PyTorch's")
            elif leaf.types != {str(v.dtype)} or v.dtype != getattr(torch, "float4_e2m1fn_x2", None) and leaf.shape != list(v.shape):
                faults.append(f"{name}: {leaf.types} {leaf.shape}, PyTorch: {v.dtype} {list(v.shape)}")
        elif type(v) in (list, tuple):
            for i, x in enumerate(v):
                walk(x, f"{at}{i}", f"{at}{i}/")
        elif isinstance(v, dict):
            for k, x in v.items():
                if isinstance(k, str) and not set("/~%") & set(k) and escaped(k.encode()) == k != ".arrayfs" and 0 < len(k.encode()) <= 240:
                    walk(x, at + k, f"{at}{k}/")
    walk(loaded, "data", "")
    return faults
