#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Numbers that numpy has no name for: what is told of them is what the library says of
their types, in either order of bytes, and their bytes are as stored."""
import os
import struct

from tap import arrayfs, done, folder, listed, need, run_all

h5py, np = need("h5py", "numpy")
import hdf5_library  # noqa: E402

T = h5py.h5t
LITTLE, BIG = T.ORDER_LE, T.ORDER_BE
WORDS = {LITTLE: "little", BIG: "big"}


def integer(size, order, precision=None, offset=0, signed=True):
    t = (T.STD_I32LE if signed else T.STD_U32LE).copy()
    t.set_size(size)
    t.set_order(order)
    t.set_precision(precision or size * 8)
    t.set_offset(offset)
    return t


def real(size, order, precision, sign, exp_at, exp, man_at, man, bias):
    t = T.IEEE_F64LE.copy()
    t.set_size(max(size, 8))
    t.set_order(order)
    t.set_fields(sign, exp_at, exp, man_at, man)
    t.set_ebias(bias)
    t.set_precision(precision)
    t.set_size(size)
    return t


def pair(base):
    t = T.create(T.COMPOUND, 2 * base.get_size())
    t.insert(b"r", 0, base)
    t.insert(b"i", base.get_size(), base)
    return t


def numbers(order):
    ld = T.NATIVE_LDOUBLE.copy()
    ld.set_order(order)
    yield "ld", ld, "V16"
    yield "three", integer(3, order), "V3"
    yield "five", integer(5, order, signed=False), "V5"
    yield "wide", integer(16, order), "V16"
    yield "n17", integer(4, order, 17, 3), "V4"
    yield "n31", integer(4, order, 31), "V4"
    yield "u9", integer(2, order, 9, signed=False), "uint16"
    yield "full", integer(4, order), "int32"
    yield "f24", real(3, order, 24, 23, 16, 7, 0, 16, 63), "V3"
    yield "f20", real(4, order, 20, 19, 13, 6, 0, 13, 31), "V4"
    yield "cld", pair(ld), "V32"
    yield "c2", pair(T.IEEE_F16BE if order == BIG else T.IEEE_F16LE), "V4"
    yield "c8", pair(T.IEEE_F32BE if order == BIG else T.IEEE_F32LE), "complex64"
    make = hdf5_library.LIBRARY.H5Tcomplex_create if hasattr(hdf5_library.LIBRARY, "H5Tcomplex_create") else None
    if make:
        make.restype = make.argtypes = None
        import ctypes
        make.restype, make.argtypes = ctypes.c_int64, [ctypes.c_int64]
        for name, base, dtype in (("ncld", ld, "V32"), ("nc16", T.IEEE_F64BE if order == BIG else T.IEEE_F64LE, "complex128")):
            yield name, T.TypeID(make(base.id)), dtype
    yield "array", T.array_create(integer(3, order), (2,)), "V3"
    yield "enum", enum(order), "V4"


def enum(order):
    t = T.enum_create(integer(4, order, 13, 0))
    t.enum_insert(b"A", 1)
    return t


def others():
    opaque = T.create(T.OPAQUE, 5)
    yield "opaque", opaque, "V5"
    yield "byte", integer(1, BIG), "int8"
    yield "bits", integer(1, BIG, 3), "V1"
    text = T.C_S1.copy()
    text.set_size(4)
    yield "text", text, "S4"
    yield "reference", T.STD_REF_OBJ, "V8"


def create(f, name, t):
    """Three elements of bytes that are all different, as the file is to have them."""
    d = h5py.h5d.create(f.id, name.encode(), t, h5py.h5s.create_simple((3,)))
    if t.get_class() not in (T.REFERENCE,):
        size = t.get_size()
        hdf5_library.write(d, [bytes((i * 37 + k * 11 + 1) % 256 for k in range(size)) for i in range(3)])


def test_byteorder_dtype_and_bits():
    with folder() as tmp:
        for order in (LITTLE, BIG):
            path = tmp / ("%d.h5" % order)
            kinds = list(numbers(order))
            with h5py.File(path, "w", libver="latest") as f:
                for name, t, dtype in kinds:
                    create(f, name, t)
            told = {o["path"]: o for o in listed(path)}
            with h5py.File(path) as f:
                for name, t, dtype in kinds:
                    o = told[name]
                    where = (name, WORDS[order], o)
                    assert o["kind"] == "file" and o["dtype"] == dtype, where
                    assert o["byteorder"] == WORDS[order], where
                    base = t
                    while base.get_class() == T.ARRAY or base.get_class() == getattr(T, "COMPLEX", -1):
                        base = base.get_super()
                    if base.get_class() == T.COMPOUND:
                        base = base.get_member_type(0)
                    if base.get_class() == T.ENUM:
                        base = base.get_super()
                    odd = base.get_precision() != base.get_size() * 8 or base.get_offset()
                    assert ("(%d bits from bit %d" % (base.get_precision(), base.get_offset()) in o["type"]) == bool(
                        odd or base.get_class() == T.FLOAT and o["dtype"][0] == "V" and name != "c2"), where
                    d = h5py.h5d.open(f.id, name.encode())
                    for p, data in hdf5_library.expected(h5py.Dataset(d), name).items():
                        assert arrayfs("--cat", path, p).stdout == data, where


def test_layouts_of_floats_are_told():
    with folder() as tmp:
        with h5py.File(tmp / "f.h5", "w") as f:
            create(f, "ld", T.NATIVE_LDOUBLE)
        o, = listed(tmp / "f.h5")
        sign, exp_at, exp, man_at, man = T.NATIVE_LDOUBLE.get_fields()
        assert o["type"] == "H5T_FLOAT (%d bits from bit %d: sign at %d, exponent of %d at %d less %d, mantissa of %d at %d)" % (
            T.NATIVE_LDOUBLE.get_precision(), T.NATIVE_LDOUBLE.get_offset(), sign, exp, exp_at, T.NATIVE_LDOUBLE.get_ebias(), man,
            man_at), o


def test_what_is_no_number_or_one_byte_has_no_byteorder():
    with folder() as tmp:
        with h5py.File(tmp / "f.h5", "w") as f:
            for name, t, dtype in others():
                create(f, name, t)
        for o in listed(tmp / "f.h5"):
            assert o["dtype"] == dict((n, d) for n, t, d in others())[o["path"]], o
            assert "byteorder" not in o, o


def test_a_compound_of_no_members_does_not_open():
    """As for the library.  No writer makes one: its count of members is set to 0."""
    with folder() as tmp:
        with h5py.File(tmp / "f.h5", "w") as f:
            f["d"] = np.zeros(3, dtype=[("a", "<i4"), ("b", "<f4")])
            f["fine"] = np.arange(3)
        data = (tmp / "f.h5").read_bytes()
        found = [at for at in range(len(data) - 8) if data[at] & 15 == 6 and data[at] >> 4 in (1, 2, 3)
                 and data[at + 1:at + 4] == b"\2\0\0" and struct.unpack("<I", data[at + 4:at + 8])[0] == 8]
        assert len(found) == 1
        data = bytearray(data)
        data[found[0] + 1] = 0
        (tmp / "f.h5").write_bytes(data)
        with h5py.File(tmp / "f.h5") as f:
            try:
                f["d"]
                raise AssertionError("the library opens it")
            except KeyError:
                pass
        told = {o["path"]: o for o in listed(tmp / "f.h5")}
        assert set(told) == {"d", "fine"} and told["d"]["kind"] == "file", told
        assert told["d"]["error"] == "a compound datatype without members", told["d"]
        assert b"without members" in arrayfs("--cat", tmp / "f.h5", "d", code=1).stderr


if __name__ == "__main__":
    run_all([f for name, f in list(globals().items()) if name.startswith("test_")])
    done()
