# SPDX-License-Identifier: MIT
"""PyTorch files and pickles that are wrong: which are refused, with which sentence, and which are
listed with an EIO.  And those that would run something, if anything were run."""
import io
import pickle
import struct
import warnings
import zipfile

import torch

OP = pickle


# --- pickles by hand ---------------------------------------------------------------

def text(s):
    b = s.encode()
    return OP.BINUNICODE + struct.pack("<I", len(b)) + b


def number(n):
    return OP.BININT + struct.pack("<i", n) if -2 ** 31 <= n < 2 ** 31 else OP.LONG1 + bytes([9]) + n.to_bytes(9, "little", signed=True)


def name(module, attribute):
    return OP.GLOBAL + f"{module}\n{attribute}\n".encode()


def tuple_of(*items):
    return OP.MARK + b"".join(items) + OP.TUPLE


def pid(key="0", kind=("torch", "FloatStorage"), numel=6, word="storage"):
    return tuple_of(text(word), name(*kind), text(key), text("cpu"), number(numel)) + OP.BINPERSID


def tensor(storage=None, offset=0, shape=(2, 3), strides=(3, 1), more=b""):
    args = tuple_of(storage or pid(), number(offset), tuple_of(*map(number, shape)), tuple_of(*map(number, strides)), OP.NEWFALSE,
                    name("collections", "OrderedDict") + OP.EMPTY_TUPLE + OP.REDUCE, more)
    return name("torch._utils", "_rebuild_tensor_v2") + args + OP.REDUCE


def dictionary(**entries):
    return OP.EMPTY_DICT + OP.MARK + b"".join(text(k) + v for k, v in entries.items()) + OP.SETITEMS


def whole(body, protocol=2):
    return OP.PROTO + bytes([protocol]) + body + OP.STOP


SIX = struct.pack("<6f", *range(1, 7))
GOOD = whole(dictionary(w=tensor()))


def zipped(pkl=GOOD, storages=None, root="archive", method=zipfile.ZIP_STORED, leave_out=(), twice=(), **records):
    """A file as torch.save writes it, or nearly; records: others, or other than usual."""
    b = io.BytesIO()
    told = {"data.pkl": pkl, "byteorder": b"little", **{f"data/{k}": v for k, v in ({"0": SIX} if storages is None else storages).items()}, "version": b"3\n"}
    told.update({k.replace("__", "/"): v for k, v in records.items()})
    with warnings.catch_warnings(), zipfile.ZipFile(b, "w") as z:
        warnings.simplefilter("ignore")
        for record, data in [(k, v) for k, v in told.items() if k not in leave_out and v is not None] + [(k, told[k]) for k in twice]:
            z.writestr(zipfile.ZipInfo(f"{root}/{record}", (1980, 1, 1, 0, 0, 0)), data, method if record == "data.pkl" else zipfile.ZIP_STORED)
    return b.getvalue()


def flagged(data, record, flag=1):
    """A record with a flag of the headers set."""
    data, at = bytearray(data), 0
    for magic, where, place in ((b"PK\3\4", 6, 30), (b"PK\1\2", 8, 46)):
        at = data.index(magic)
        while data[at + place:at + place + len(record)] != record:
            at = data.index(magic, at + 4)
        data[at + where] |= flag
    return bytes(data)


def legacy(body=None, storages=((b"0", 6, SIX),)):
    keys = pickle.dumps([k.decode() for k, *_ in storages], 2)
    body = body or whole(dictionary(w=tensor(storage=tuple_of(text("storage"), name("torch", "FloatStorage"), text("0"), text("cpu"), number(6), OP.NONE) + OP.BINPERSID)))
    info = pickle.dumps({"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}, 2)
    return (pickle.dumps(0x1950a86a20f9469cfc6c, 2) + pickle.dumps(1001, 2) + info + body + keys
            + b"".join(struct.pack("<q", n) + data for _, n, data in storages))


def saved(thing, **how):
    b = io.BytesIO()
    torch.save(thing, b, **how)
    return b.getvalue()


def deep(n):
    """Lists in lists, and a tensor within."""
    return whole(OP.EMPTY_LIST * n + tensor() + OP.APPEND * n)


def paths(n):
    """2^n paths to one tensor."""
    body = OP.EMPTY_LIST + tensor() + OP.APPEND
    for i in range(n):
        body += OP.BINPUT + bytes([i]) + OP.POP + OP.EMPTY_LIST + OP.MARK + 2 * (OP.BINGET + bytes([i])) + OP.APPENDS
    return whole(body)


def tar():
    import tarfile
    b = io.BytesIO()
    with tarfile.open(fileobj=b, mode="w") as t:
        for member, data in (("sys_info", b"x"), ("pickle", GOOD), ("storages", b"y"), ("tensors", b"z")):
            i = tarfile.TarInfo(member)
            i.size = len(data)
            t.addfile(i, io.BytesIO(data))
    return b.getvalue()


def refused():
    """{file's name: (its bytes, a part of the sentence)}"""
    yield "tar.pt", tar(), r"a tar checkpoint of PyTorch before 0\.1\.10: torch\.save it again"
    yield "no-version.pt", zipped(leave_out=["version"]), r"version"
    yield "twice.pt", zipped(twice=["data/0"]), r"data/0"
    yield "pickle-twice.pt", zipped(twice=["data.pkl"]), r"data\.pkl"
    yield "before.pt", b"#!/bin/sh of 23 bytes\n\n" + zipped(), r"before|begin"
    yield "encrypted.pt", flagged(zipped(), b"archive/data.pkl"), r"encrypted"
    yield "encrypted-storage.pt", flagged(zipped(), b"archive/data/0"), r"encrypted"
    yield "bzip2.pt", zipped(method=zipfile.ZIP_BZIP2), r"data\.pkl is compressed with method 12"
    yield "lzma.pt", zipped(method=zipfile.ZIP_LZMA), r"data\.pkl is compressed with method 14"
    yield "byteorder.pt", zipped(byteorder=b"middle"), r"byteorder"
    yield "class.pt", zipped(whole(dictionary(w=tensor(pid(kind=("torch", "FancyStorage")))))), r"FancyStorage"
    yield "opcode.pt", zipped(GOOD[:2] + b"\xff" + GOOD[2:]), r"pickle: opcode 0xff at byte 2"
    yield "memo.pt", zipped(whole(dictionary(w=OP.BINGET + b"\7"))), r"pickle: .*memo that was never put"
    yield "long-memo.pt", zipped(whole(OP.LONG_BINGET + b"\xff\xff\xff\xff")), r"pickle: .*memo that was never put"
    yield "underflow.pt", zipped(whole(OP.TUPLE2)), r"pickle: .*stack underflow"
    yield "no-mark.pt", zipped(whole(tensor() + OP.APPENDS)), r"pickle: "
    yield "extension.pt", zipped(whole(OP.EXT1 + b"\1")), r"pickle: .*extension"
    yield "not-stopped.pt", zipped(GOOD[:-1]), r"pickle: "
    yield "empty-pickle.pt", zipped(b""), r"pickle|data\.pkl"
    yield "protocol.pt", zipped(whole(dictionary(w=tensor()), 9)), r"pickle: .*protocol"
    yield "length.pt", zipped(OP.PROTO + b"\2" + OP.BINUNICODE + struct.pack("<I", 2 ** 32 - 1) + b"x."), r"pickle: "
    yield "length8.pt", zipped(OP.PROTO + b"\4" + OP.BINUNICODE8 + struct.pack("<Q", 2 ** 63) + b"x."), r"pickle: "
    yield "bytes8.pt", zipped(OP.PROTO + b"\4" + OP.BINBYTES8 + struct.pack("<Q", 2 ** 64 - 1) + b"x."), r"pickle: "
    yield "long4.pt", zipped(OP.PROTO + b"\2" + OP.LONG4 + struct.pack("<i", -5) + b"."), r"pickle: "
    yield "set-on-number.pt", zipped(whole(number(1) + text("a") + tensor() + OP.SETITEM)), r"pickle: "
    yield "append-to-dict.pt", zipped(whole(OP.EMPTY_DICT + tensor() + OP.APPEND)), r"pickle: "
    yield "call-a-number.pt", zipped(whole(dictionary(w=tensor(), x=number(1) + OP.EMPTY_TUPLE + OP.REDUCE))), r"pickle: "
    yield "deep.pt", zipped(deep(1100)), r"1,?000"
    yield "paths.pt", zipped(paths(40)), r"."
    yield "cut-legacy.pt", legacy()[:-5], r"."
    yield "cut-legacy-keys.pt", legacy()[:-30], r"."
    yield "legacy-count.pt", legacy(storages=((b"0", 2 ** 62, SIX),)), r"."
    yield "legacy-negative.pt", legacy(storages=((b"0", -1, SIX),)), r"."
    yield "cut.pt", saved({"w": torch.ones(3)})[:-40], r"."
    yield "package.pt", zipped(leave_out=["data.pkl", "version"], **{".data__version": b"6\n", ".data__extern_modules": b"", "model__model.pkl": GOOD}), r"torch\.package"
    yield "before-archives.pt2", flat_zip(**{"serialized_exported_program.json": b"{}", "serialized_state_dict.pt": saved({"w": torch.ones(3)}), "version": b"5.1"}), r"."
    yield "no-pickle.pt", zipped(leave_out=["data.pkl"]), r"data\.pkl"


def refused_pickles():
    """Those that are no PyTorch files."""
    array = name("numpy._core.numeric", "_frombuffer")
    yield "persistent.pkl", whole(dictionary(w=pid())), r"pickle: .*persistent"
    yield "extension.pkl", whole(OP.EXT2 + b"\1\2", 4), r"extension"
    yield "cut.pkl", pickle.dumps({"a": b"bytes" * 9}, 4)[:-9], r"pickle: "
    yield "underflow.pkl", whole(OP.NONE * 30 + OP.POP * 31, 4), r"pickle: .*stack underflow"
    yield "opcode.pkl", whole(array + b"\xfe", 4), r"pickle: opcode 0xfe at byte"
    yield "no-array.pkl", pickle.dumps({"a": [1, 2, {"b": "text"}]}, 4), r"."


def flat_zip(**records):
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w") as z:
        for record, data in records.items():
            z.writestr(record, data)
    return b.getvalue()


# --- listed, with an EIO --------------------------------------------------------------

def faults():
    """(its name, bytes, which of w and good is EIO): `good` is SIX and can be read in each."""
    two = lambda w, **how: zipped(whole(dictionary(w=w, good=tensor(pid("good")))), {"good": SIX, **how.pop("storages", {"0": SIX})}, **how)
    yield "missing", two(tensor(), storages={})
    yield "short", two(tensor(), storages={"0": SIX[:20]})
    yield "beyond", two(tensor(offset=1))
    yield "far-beyond", two(tensor(offset=2 ** 62))
    yield "strides-beyond", two(tensor(strides=(4, 1)))
    yield "huge-strides", two(tensor(strides=(2 ** 62, 2 ** 62)))
    yield "negative-size", two(tensor(shape=(-2, 3)))
    yield "both-negative", two(tensor(shape=(-2, -3)))
    yield "negative-stride", two(tensor(strides=(-3, 1)))
    yield "negative-offset", two(tensor(offset=-1))
    yield "huge-shape", two(tensor(shape=(2 ** 62, 3)))
    yield "overflow", two(tensor(shape=(2 ** 32, 2 ** 32), strides=(0, 0)))


# --- what would run -----------------------------------------------------------------

def malicious(marker):
    """Pickles that touch the marker, if they are loaded; each is of an array `good` and of a call."""
    command = f"touch {marker}"
    python = f"open({str(marker)!r}, 'w')"
    call = lambda module, attribute, *args: name(module, attribute) + tuple_of(*args) + OP.REDUCE
    calls = {
        "system": call("os", "system", text(command)),
        "posix": call("posix", "system", text(command)),
        "eval": call("builtins", "eval", text(python)),
        "exec": call("__builtin__", "exec", text(python)),
        "popen": call("subprocess", "Popen", tuple_of(text("touch"), text(str(marker)))),
        "runpy": call("runpy", "_run_code", text(python), OP.EMPTY_DICT),
        "open": call("builtins", "open", text(str(marker)), text("w")),
        "getattr": name("builtins", "getattr") + tuple_of(call("builtins", "__import__", text("os")), text("system")) + OP.REDUCE + tuple_of(text(command)) + OP.REDUCE,
        "apply": call("torch.hub", "load_state_dict_from_url", text("file:///nowhere")),
        "load": call("torch.storage", "_load_from_bytes", OP.BINBYTES + struct.pack("<I", 4) + b"\x80\x02N."),
        "codecs": call("_codecs", "encode", call("os", "system", text(command)), text("latin1")),
        "stack_global": text("os") + text("system") + OP.STACK_GLOBAL + tuple_of(text(command)) + OP.REDUCE,
        "inst": OP.MARK + text(command) + OP.INST + b"os\nsystem\n",
        "obj": OP.MARK + name("os", "system") + text(command) + OP.OBJ,
        "newobj": name("subprocess", "Popen") + tuple_of(tuple_of(text("touch"), text(str(marker)))) + OP.NEWOBJ,
        "newobj_ex": name("subprocess", "Popen") + OP.EMPTY_TUPLE + dictionary(args=tuple_of(text("touch"), text(str(marker)))) + OP.NEWOBJ_EX,
        "build": call("collections", "OrderedDict") + dictionary(__setstate__=name("os", "system")) + OP.BUILD + text(command) + OP.BUILD,
        "key": dictionary(a=OP.NONE) + call("os", "system", text(command)) + OP.NONE + OP.SETITEM,
        "dotted": text("os") + text("path.os.system") + OP.STACK_GLOBAL + tuple_of(text(command)) + OP.REDUCE,
        "layout": call("torch.serialization", "_get_layout", call("os", "system", text(command))),
        "rebuild": call("torch._tensor", "_rebuild_from_type_v2", name("os", "system"), name("torch", "Tensor"), tuple_of(text(command)), OP.NONE),
        "dtype": call("numpy", "dtype", call("os", "system", text(command)), OP.NEWFALSE, OP.NEWTRUE),
        "reduce": name("torch._utils", "_rebuild_parameter") + tuple_of(call("os", "system", text(command)), OP.NEWFALSE, OP.NONE) + OP.REDUCE,
    }
    for kind, body in calls.items():
        protocol = 4
        yield kind + ".pt", zipped(whole(dictionary(good=tensor(), bad=body), protocol))
        yield kind + "-first.pt", zipped(whole(body + OP.POP + dictionary(good=tensor()), protocol))
        yield kind + "-shape.pt", zipped(whole(dictionary(good=tensor(), bad=name("torch._utils", "_rebuild_tensor_v2") + tuple_of(
            pid(), number(0), body, tuple_of(number(1)), OP.NEWFALSE, OP.NONE) + OP.REDUCE), protocol))
        yield kind + "-storage.pt", zipped(whole(dictionary(good=tensor(), bad=tuple_of(text("storage"), body, text("0"), text("cpu"), number(6)) + OP.BINPERSID), protocol))
        yield kind + "-legacy.pt", legacy(whole(dictionary(good=tensor(tuple_of(text("storage"), name("torch", "FloatStorage"), text("0"), text("cpu"), number(6), OP.NONE)
                                                                      + OP.BINPERSID), bad=body), protocol))
        array = OP.BINBYTES + struct.pack("<I", 24) + SIX
        yield kind + ".pkl", whole(dictionary(good=array, bad=body), protocol)
        yield kind + ".joblib", whole(dictionary(bad=body, good=array), protocol)
        yield kind + "-alone.pkl", whole(body, protocol)
