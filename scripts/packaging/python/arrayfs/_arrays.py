# SPDX-License-Identifier: MIT
"""From bytes and what the program tells of them to NumPy's arrays.

Everything told comes from a file that anybody may have made: sizes are compared before
they are believed.
"""
from __future__ import annotations

import decimal
import math
import mmap
import os
import re
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from ._program import Error

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

Node = Dict[str, Any]

_NUMPY = frozenset("bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128".split())
_PACKED = re.compile(r"(u?int|float)[2-6](_\w+)?$")  # less than a byte each
_TIME = re.compile(r"(datetime64|timestamp|timedelta64|duration)(\[\w+\])?$")
_ODD = re.compile(r"(date|time)(32|64)\[(\w+)\]$")  # integers in a unit, of which NumPy has only 64 bits
_DECIMAL = re.compile(r"decimal(32|64|128|256)\(\d+, (-?\d+)\)$")
_TORCH = frozenset("bfloat16 float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu".split())
_NORESERVE = 0x4000  # as mmap.MAP_NORESERVE from Python 3.13 on: what nobody writes to takes no memory


class Place(NamedTuple):
    """Bytes, within a mapping or in memory."""
    buffer: Union[mmap.mmap, bytes]
    offset: int
    size: int
    file: Optional[str] = None  # that is mapped
    begin: int = 0              # where in that


class Array(np.memmap):  # type: ignore[type-arg, unused-ignore]
    """An array whose bytes are mapped: from the file itself, where they lie there as they are, else from
    memory that the program filled (`filename` is None then).  It cannot be written to."""

    _mmap: Any

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        """What is computed from it is an ordinary array."""
        plain = np.asarray(array)
        return plain[()] if plain.ndim == 0 else plain

    def torch(self) -> "torch.Tensor":
        """The array as a tensor, of the same memory unless its byte order or strides are not PyTorch's.
        Writing to the tensor changes this array, but neither the file nor what others read."""
        import torch as library

        plain = self.view(np.ndarray)
        name = plain.dtype.name
        special = name in _TORCH
        if special:
            plain = plain.view(np.uint16 if plain.dtype.itemsize == 2 else np.uint8)
        if not plain.dtype.isnative or not plain.flags.aligned or any(s < 0 for s in plain.strides):
            plain = plain.astype(plain.dtype.newbyteorder("="), order="K")
        elif not plain.flags.writeable:
            try:
                plain.flags.writeable = True  # the mapping is private: copied where it is written to
            except ValueError:
                plain = plain.copy()
        try:
            tensor = library.from_numpy(plain)
            return tensor.view(getattr(library, name)) if special else tensor
        except (AttributeError, TypeError, ValueError) as fault:
            raise Error(f"{name} is no type of this PyTorch: {fault}") from None


def extended(name: str) -> "np.dtype[Any]":
    """A type that ml_dtypes has."""
    try:
        import ml_dtypes

        dtype: "np.dtype[Any]" = np.dtype(getattr(ml_dtypes, name))
        return dtype
    except ImportError:
        raise Error(f"{name} is a type that NumPy gets from ml_dtypes: pip install ml_dtypes") from None
    except AttributeError:
        raise Error(f"the installed ml_dtypes has no {name}: pip install --upgrade ml_dtypes") from None


def element(node: Node) -> "np.dtype[Any]":
    """The type of the elements as they are stored."""
    name = str(node.get("dtype"))
    order: Any = ">" if node.get("byteorder") == "big" else "<"
    if name in _NUMPY:
        number_type: "np.dtype[Any]" = np.dtype(name).newbyteorder(order)
        return number_type
    if re.match(r"[SV]\d+$", name):
        return np.dtype(name)
    if re.match(r"U\d+$", name):
        return np.dtype(f"{order}{name}")
    if _PACKED.match(name):
        return np.dtype(np.uint8)
    time, odd, number = _TIME.match(name), _ODD.match(name), _DECIMAL.match(name)
    if time:
        return np.dtype(f"{order}{'M8' if time[1] in ('datetime64', 'timestamp') else 'm8'}{time[2] or ''}")
    if odd:
        return np.dtype(f"{order}i{int(odd[2]) // 8}")
    if number:
        return np.dtype(f"V{int(number[1]) // 8}")
    if name in ("int128", "uint128"):
        return np.dtype("V16")
    if re.match(r"b?float\d", name):
        dtype = extended(name)
        return np.dtype(">u2") if order == ">" and dtype.itemsize == 2 else dtype  # which has no byte order: meant()
    raise Error(f"an array of {name} has no bytes of its own")


def shape_of(node: Node) -> Tuple[int, ...]:
    """As told; (0,) for what has none, such as HDF5's null dataspace."""
    return tuple(int(n) for n in node.get("shape", [0]))


def packed(node: Node) -> bool:
    """Are several elements in a byte?"""
    return bool(_PACKED.match(str(node.get("dtype"))))


def fixed(node: Node, place: Place) -> "NDArray[Any]":
    """The array of fixed-width elements over these bytes, without a copy: read-only."""
    dtype, shape = element(node), shape_of(node)
    if packed(node):
        shape = (place.size,)
    if math.prod(shape) * dtype.itemsize != place.size or (dtype.itemsize == 0 and math.prod(shape) > 1 << 24):
        raise Error(f"{node['path']}: {place.size} bytes are no array of {node.get('dtype')} {list(shape)}")
    order: Any = "F" if node.get("order") == "F" else "C"
    try:
        array: Array = np.ndarray.__new__(Array, shape, dtype, place.buffer, place.offset if place.size else 0, order=order)
    except (ValueError, TypeError, OverflowError) as fault:  # more dimensions than NumPy has, as an example
        raise Error(f"{node['path']}: {fault}") from None
    array._mmap = place.buffer if isinstance(place.buffer, mmap.mmap) else None
    array.offset, array.mode, array.filename = place.begin, "r", place.file
    array.flags.writeable = False
    return array


def meant(node: Node, array: "NDArray[Any]") -> "NDArray[Any]":
    """What the stored numbers stand for, where NumPy has a type or an object for it; a copy then."""
    name = str(node.get("dtype"))
    odd, number = _ODD.match(name), _DECIMAL.match(name)
    if odd:
        unit = {"day": "D"}.get(odd[3], odd[3])
        return array.astype("i8").view(f"{'M' if odd[1] == 'date' else 'm'}8[{unit}]")
    if number or name in ("int128", "uint128"):
        order: Any = "big" if node.get("byteorder") == "big" else "little"
        raw, width = array.tobytes(), array.dtype.itemsize
        whole = [int.from_bytes(raw[i:i + width], order, signed=name != "uint128") for i in range(0, len(raw), width)]
        return objects([scaled(v, int(number[2])) for v in whole] if number else whole, array.shape)
    if name == "bfloat16" and array.dtype.kind == "u":
        return array.astype("u2").view(extended(name))
    return array


def scaled(value: int, scale: int) -> decimal.Decimal:
    """value / 10**scale, exactly."""
    return decimal.Decimal((int(value < 0), tuple(int(c) for c in str(abs(value))), -scale))


def objects(values: Sequence[Any], shape: Tuple[int, ...]) -> "NDArray[Any]":
    """An array of Python objects, which may be sequences themselves."""
    if math.prod(shape) != len(values):
        raise Error(f"{len(values)} elements where the shape is {list(shape)}")
    array = np.empty(len(values), object)
    for i, value in enumerate(values):
        array[i] = value
    return array.reshape(shape)


def mapped(folder: str, node: Node) -> Optional[Place]:
    """The bytes of the file itself, if that still is the one that the program looked at and this user may read it."""
    stored: Mapping[str, Any] = node["stored"]
    size, offset = int(node["size"]), int(stored["offset"])
    file = os.path.join(folder, str(stored["file"]))
    try:
        fd = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        st = os.fstat(fd)
        mtime = f"{st.st_mtime_ns // 10**9}.{st.st_mtime_ns % 10**9:09d}"
        if (st.st_ino, st.st_size, mtime) != (stored["inode"], stored["file_size"], stored["mtime"]) or offset + size > st.st_size:
            return None
        return mapping(fd, offset, size)._replace(file=file, begin=offset)
    except OSError:
        return None
    finally:
        os.close(fd)


def available() -> Optional[int]:
    """Bytes of memory that may be filled before the machine has none left; None where that is not known."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            told = next((line.split()[1] for line in lines if line.startswith("MemAvailable:")), None)
    except OSError:
        return None
    return int(told) * 1024 if told else None


def mapping(fd: int, offset: int, size: int) -> Place:
    """Maps part of a file; private, so that a tensor of it may be written to."""
    if size == 0:
        return Place(b"", 0, 0)
    begin = offset - offset % mmap.ALLOCATIONGRANULARITY
    pages = mmap.mmap(fd, offset - begin + size, mmap.MAP_PRIVATE | _NORESERVE, mmap.PROT_READ | mmap.PROT_WRITE, offset=begin)
    return Place(pages, offset - begin, size)


def elements(array: "NDArray[Any]") -> List[Any]:
    """As Python iterates over them, and None for what is masked."""
    if isinstance(array, np.ma.MaskedArray) and array.ndim == 1:
        return [None if null else x for x, null in zip(array.data, np.ma.getmaskarray(array))]
    return list(array)
