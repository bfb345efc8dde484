# SPDX-License-Identifier: MIT
"""What a pickle says, as records: Python's own machine (pickle._Unpickler), in which a global is a
name and a call is noted down, so that nothing of the file runs.  joblib's arrays are read from
behind their wrappers."""
import io
import pickle
import pickletools
import struct


class Name:
    """A global."""

    def __init__(self, module, name):
        self.module, self.name = module, name

    def __eq__(self, other):
        return isinstance(other, Name) and (self.module, self.name) == (other.module, other.name)

    def __hash__(self):
        return hash((self.module, self.name))

    def __str__(self):
        return f"{self.module}.{self.name}"


class Made:
    """What a call would have given, and what was then done to it."""

    def __init__(self, callee, args, kwargs=(), made=False):
        self.callee, self.args, self.kwargs, self.made = callee, list(args), list(kwargs), made
        self.state, self.items, self.entries, self.raw = None, [], [], None

    def called(self, *names):
        old = isinstance(self.callee, Name) and self.callee.name == "_reconstructor"     # of protocols 0 and 1: the class is its argument
        callee = self.args[0] if old and self.args else self.callee
        return isinstance(callee, Name) and str(callee) in names


class Persistent:
    def __init__(self, pid):
        self.pid = pid


class Mapping:
    """A dictionary: its entries as they were set; what its own object was then given."""

    def __init__(self, entries=()):
        self.entries, self.state = list(entries), None


class Sequence:
    def __init__(self, kind, items=()):
        self.kind, self.items = kind, list(items)


class OutOfBand:
    pass


class Str2(bytes):
    """Python 2's str."""


class Machine(pickle._Unpickler):
    dispatch = dict(pickle._Unpickler.dispatch)

    def __init__(self, file, arrays=None):
        super().__init__(file, fix_imports=False, encoding="bytes", buffers=None)
        self.file, self.arrays = file, arrays

    def find_class(self, module, name):
        text = lambda s: s.decode() if isinstance(s, bytes) else s
        return Name(text(module), text(name))

    def persistent_load(self, pid):
        return Persistent(pid)

    def _decode_string(self, value):
        return Str2(value)

    def of(opcode, dispatch=dispatch):          # noqa: N805
        def note(function):
            dispatch[opcode[0]] = function
            return function
        return note

    @of(pickle.EMPTY_DICT)
    def load_empty_dict(self):
        self.append(Mapping())

    @of(pickle.EMPTY_LIST)
    def load_empty_list(self):
        self.append(Sequence("list"))

    @of(pickle.EMPTY_SET)
    def load_empty_set(self):
        self.append(Sequence("set"))

    @of(pickle.EMPTY_TUPLE)
    def load_empty_tuple(self):
        self.append(Sequence("tuple"))

    def gather(self, kind):
        items = self.pop_mark()     # before self.append, which it replaces
        self.append(Sequence(kind, items))

    @of(pickle.TUPLE)
    def load_tuple(self):
        self.gather("tuple")

    @of(pickle.LIST)
    def load_list(self):
        self.gather("list")

    @of(pickle.FROZENSET)
    def load_frozenset(self):
        self.gather("frozenset")

    def few(self, n):
        self.stack[-n:] = [Sequence("tuple", self.stack[-n:])]

    @of(pickle.TUPLE1)
    def load_tuple1(self):
        self.few(1)

    @of(pickle.TUPLE2)
    def load_tuple2(self):
        self.few(2)

    @of(pickle.TUPLE3)
    def load_tuple3(self):
        self.few(3)

    @of(pickle.DICT)
    def load_dict(self):
        items = self.pop_mark()
        self.append(Mapping(zip(items[::2], items[1::2])))

    @of(pickle.REDUCE)
    def load_reduce(self):
        args = self.stack.pop()
        self.stack[-1] = made_of(self.stack[-1], args.items)

    @of(pickle.NEWOBJ)
    def load_newobj(self):
        args = self.stack.pop()
        self.stack[-1] = Made(self.stack[-1], args.items, made=True)

    @of(pickle.NEWOBJ_EX)
    def load_newobj_ex(self):
        kwargs, args = self.stack.pop(), self.stack.pop()
        self.stack[-1] = Made(self.stack[-1], args.items, kwargs.entries, made=True)

    @of(pickle.INST)
    def load_inst(self):
        module, name = self.readline()[:-1].decode(), self.readline()[:-1].decode()
        args = self.pop_mark()
        self.append(Made(Name(module, name), args, made=True))

    @of(pickle.OBJ)
    def load_obj(self):
        args = self.pop_mark()
        self.append(Made(args[0], args[1:], made=True))

    @of(pickle.SETITEM)
    def load_setitem(self):
        value, key = self.stack.pop(), self.stack.pop()
        self.stack[-1].entries.append((key, value))

    @of(pickle.SETITEMS)
    def load_setitems(self):
        items = self.pop_mark()
        self.stack[-1].entries += zip(items[::2], items[1::2])

    @of(pickle.APPEND)
    def load_append(self):
        value = self.stack.pop()
        self.stack[-1].items.append(value)

    def load_appends(self):
        items = self.pop_mark()
        self.stack[-1].items += items
    dispatch[pickle.APPENDS[0]] = dispatch[pickle.ADDITEMS[0]] = load_appends

    @of(pickle.BUILD)
    def load_build(self):
        state = self.stack.pop()
        self.stack[-1].state = state
        if self.arrays:
            self.arrays(self, self.stack[-1])

    @of(pickle.NEXT_BUFFER)
    def load_next_buffer(self):
        self.append(OutOfBand())

    @of(pickle.READONLY_BUFFER)
    def load_readonly_buffer(self):
        pass

    del of


PY2 = {"__builtin__": "builtins", "copy_reg": "copyreg"}
SETS = ("set", "frozenset", "list", "tuple")


def made_of(callee, args):
    """Plain containers and values that are written as calls are what they are."""
    if isinstance(callee, Name):
        module, name = PY2.get(callee.module, callee.module), callee.name
        if (module, name) in (("collections", "OrderedDict"), ("builtins", "dict")) and len(args) < 2:
            pairs = args[0].entries if args and isinstance(args[0], Mapping) else [p.items for p in args[0].items] if args else []
            return Mapping(pairs)
        if (module, name) == ("collections", "defaultdict"):
            return Mapping(args[1].entries if len(args) > 1 else [])
        if (module, name) == ("collections", "Counter"):
            return Mapping(args[0].entries if args else [])
        if (module, name) == ("torch", "Size") or module == "builtins" and name in SETS:
            return Sequence(name, args[0].items if args else [])
        if (module, name) == ("builtins", "complex"):
            return complex(*args)
        if (module, name) == ("_codecs", "encode") and len(args) == 2 and args[1] in ("latin1", b"latin1"):
            return args[0].encode("latin1")
        if module == "builtins" and name in ("bytes", "bytearray"):
            if not args:
                return b""
            return args[0].encode("latin1") if isinstance(args[0], str) else args[0] if isinstance(args[0], bytes) else Made(callee, args)
        if module == "torch.serialization" and name == "_get_layout" or (module, name) == ("torch", "device"):
            return Text(args[0] if len(args) == 1 else f"{args[0]}:{args[1]}")
        if module == "torch.jit._pickle":
            return args[0]
    return Made(callee, args)


class Text(str):
    """A dtype, device or layout, as text."""


def read(file, arrays=None):
    return Machine(file, arrays).load()


def end_of(data, start=0):
    """Where the pickle that begins there ends."""
    f = io.BytesIO(data)
    f.seek(start)
    for _ in pickletools.genops(f):
        pass
    return f.tell()


def joblib_arrays(machine, made):
    """Behind a wrapper's BUILD: padding, and the array as it lies."""
    if not (isinstance(made, Made) and made.called("joblib.numpy_pickle.NumpyArrayWrapper")):
        return
    told = attributes(made)
    f = machine.file
    if holds_objects(told["dtype"]):
        made.raw = read(f, joblib_arrays)
        return
    if told.get("numpy_array_alignment_bytes") is not None:
        f.read(struct.unpack("B", f.read(1))[0])
    made.raw = f.read(count(told["shape"].items) * dtype_of(told["dtype"]).itemsize)


def attributes(made):
    """Of the state, as text, also where Python 2 wrote it."""
    return {k.decode() if isinstance(k, Str2) else k: v.decode() if isinstance(v, Str2) else v for k, v in made.state.entries}


def count(shape):
    n = 1
    for extent in shape:
        n *= extent
    return n


def dtype_of(made):
    """The numpy dtype of its record: by numpy, which is given its own kinds of words only."""
    import numpy as np
    if not (isinstance(made, Made) and made.called("numpy.dtype")):
        raise ValueError("no dtype")
    code, *_ = made.args
    if isinstance(code, Name):
        import ml_dtypes
        code = getattr(ml_dtypes if code.module == "ml_dtypes" else np, code.name)
    code = code.decode() if isinstance(code, bytes) else code
    dtype = np.dtype(code, False, True)     # a copy, whose state can be set
    if made.state is not None:
        dtype.__setstate__(plain(made.state))
    return dtype


def holds_objects(made):
    return dtype_of(made).hasobject


def plain(value):
    """A dtype's state as Python's own."""
    if isinstance(value, Sequence):
        return (list if value.kind == "list" else tuple)(plain(v) for v in value.items)
    if isinstance(value, Mapping):
        return {plain(k): plain(v) for k, v in value.entries}
    if isinstance(value, Made):
        return dtype_of(value)
    if isinstance(value, Str2):
        return value.decode("latin1")
    return value
