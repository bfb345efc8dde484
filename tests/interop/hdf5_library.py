# SPDX-License-Identifier: MIT
"""Elements of any HDF5 type as the library itself reads them: memory type = file
type, through the library that h5py brought along, since h5py has no numpy type for
all of them.  In memory a sequence is its length and a pointer, a string a pointer.

    expected(dataset, path)  what arrayfs is to show: {path: bytes}
    write(dataset, rows)     elements as pack() takes them
"""
import ctypes
import re

import h5py
import numpy as np

T = h5py.h5t


def _library():
    with open("/proc/self/maps") as f:
        paths = {line.split(None, 5)[5].strip() for line in f if re.search(r"/libhdf5[-.\w]*\.so", line) and "_hl" not in line}
    if not paths:
        raise ImportError("h5py's library is not a file of its own")
    return ctypes.CDLL(max(paths, key=lambda path: "h5py" in path))     # others may have brought their own


LIBRARY = _library()
for _name in ("H5Dread", "H5Dwrite"):
    getattr(LIBRARY, _name).argtypes = [ctypes.c_int64] * 5 + [ctypes.c_void_p]


def shown(name):
    """A name with '/' as the mount shows it, for the plain cases."""
    out = []
    for part in name.encode("utf-8", "surrogateescape").split(b"/"):
        if part in (b".", b".."):
            part = part.replace(b".", b"%2E")
        part = re.sub(rb"[\x00-\x1f\x7f]", lambda m: b"%%%02X" % m.group()[0], part)
        out.append(part if part else b"_")
    return b"/".join(out).decode("utf-8", "surrogateescape")


def is_complex(t):
    if t.get_class() == getattr(T, "COMPLEX", -1):
        return True
    if t.get_class() != T.COMPOUND or t.get_nmembers() != 2:
        return False
    a, b = t.get_member_type(0), t.get_member_type(1)
    return ([t.get_member_name(i) for i in (0, 1)] == [b"r", b"i"] and a.get_class() == T.FLOAT
            and a.equal(b) and t.get_size() == 2 * a.get_size() and t.get_member_offset(0) == 0
            and t.get_member_offset(1) == a.get_size())


def members(t):
    for i in range(t.get_nmembers()):
        yield t.get_member_name(i).decode("utf-8", "surrogateescape"), t.get_member_offset(i), t.get_member_type(i)


def is_text(t):
    return t.get_class() == T.STRING and t.is_variable_str()


# --- out of memory ----------------------------------------------------------------

def _sequences(items, lengths, path, out):
    out[path + "/offsets"] = np.cumsum([0] + lengths, dtype="<i8").tobytes()
    return b"".join(items)


def _show(raw, t, path, out):
    """raw: uint8 of shape (elements, bytes of one in memory)."""
    c = t.get_class()
    if c == T.ARRAY:
        base = t.get_super()
        _show(np.ascontiguousarray(raw).reshape(-1, base.get_size()), base, path, out)
    elif c == T.COMPOUND and not is_complex(t):
        for name, at, m in members(t):
            _show(raw[:, at:at + m.get_size()], m, path + "/" + shown(name), out)
    elif is_text(t):
        items = [ctypes.string_at(int(p)) if p else b"" for p in np.ascontiguousarray(raw).view(np.uint64).ravel()]
        out[path + "/values"] = _sequences(items, [len(x) for x in items], path, out)
    elif c == T.VLEN:
        base = t.get_super()
        size, pairs = base.get_size(), np.ascontiguousarray(raw).view(np.uint64).reshape(-1, 2).tolist()
        items = [ctypes.string_at(p, n * size) if n and p else b"" for n, p in pairs]
        joined = _sequences(items, [len(x) // size for x in items], path, out)
        _show(np.frombuffer(joined, np.uint8).reshape(-1, size), base, path + "/values", out)
    elif c == T.REFERENCE and t.get_size() == 64:
        out[path] = None            # as stored has no form in memory
    else:
        out[path] = np.ascontiguousarray(raw).tobytes()


def expected(d, path, most=1 << 28):
    """None if it is larger than that; OSError if the library cannot read it."""
    t, space, out = d.id.get_type(), d.id.get_space(), {}
    if space.get_simple_extent_type() == h5py.h5s.NULL:
        return {path: b""}
    n, size = int(np.prod(d.shape, dtype=np.int64)), t.get_size()
    if n * size > most:
        return None
    raw = np.zeros((n, size), np.uint8)
    if n and LIBRARY.H5Dread(d.id.id, t.id, 0, 0, 0, raw.ctypes.data) < 0:
        raise OSError("H5Dread fails")
    _show(raw, t, path, out)
    return out


# --- into memory -------------------------------------------------------------------

def pack(t, value, keep):
    """An element: bytes, but a list for arrays and sequences, a dict for compounds,
    bytes without NUL for strings.  `keep` holds what the pointers in it point at."""
    c = t.get_class()
    if c == T.COMPOUND and isinstance(value, dict):
        out = bytearray(t.get_size())
        for name, at, m in members(t):
            out[at:at + m.get_size()] = pack(m, value[name], keep)
        return bytes(out)
    if c == T.ARRAY and isinstance(value, list):
        return b"".join(pack(t.get_super(), x, keep) for x in value)
    if c == T.VLEN:
        data = b"".join(pack(t.get_super(), x, keep) for x in value)
        keep.append(ctypes.create_string_buffer(data, max(len(data), 1)))
        return np.array([len(value), ctypes.addressof(keep[-1])], np.uint64).tobytes()
    if is_text(t):
        keep.append(ctypes.create_string_buffer(value))
        return np.array(ctypes.addressof(keep[-1]), np.uint64).tobytes()
    return value


def write(d, rows):
    """d: the low-level dataset; rows: one packable value for each element."""
    t, keep = d.get_type(), []
    data = b"".join(pack(t, x, keep) for x in rows)
    assert len(data) == t.get_size() * len(rows)
    if rows and LIBRARY.H5Dwrite(d.id, t.id, 0, 0, 0, ctypes.create_string_buffer(data, len(data))) < 0:
        raise OSError("H5Dwrite fails")
