# SPDX-License-Identifier: MIT
"""Arrays that are several files: nulls, strings, lists, maps, dictionaries, structs."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Optional, Tuple

import numpy as np

from ._arrays import Node, Place, available, element, elements, fixed, meant, objects, packed, shape_of
from ._program import Error

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Layout:
    """Which files an array is made of."""

    def __init__(self, nodes: Mapping[str, Node], children: Mapping[str, List[str]]):
        self.nodes, self.children = nodes, children

    def validities(self, path: str) -> Iterator[str]:
        """What says which elements are null, and of lists of a fixed length which of theirs are."""
        path += ".validity"
        while self.nodes.get(path, {}).get("companion"):
            yield path
            path = path[:-len("validity")] + "values.validity"

    def files(self, path: str) -> List[str]:
        """All of them, in an order that is the same each time."""
        found: List[str] = []
        stack = [path]
        while stack:
            one = stack.pop()
            if self.nodes[one]["kind"] == "file":
                found.append(one)
            stack.extend(c for c in reversed(self.children.get(one, ())) if not self.nodes[c].get("companion"))
            found.extend(self.validities(one))
        return found

    def parts(self, path: str) -> Iterator[Tuple[str, str]]:
        """The arrays in a directory, with the names that they have in it."""
        for child in self.children.get(path, ()):
            node = self.nodes[child]
            if "dtype" in node and not node.get("companion"):
                yield child[len(path) + 1:], child
            elif node["kind"] == "directory":
                for name, inner in self.parts(child):
                    yield f"{child[len(path) + 1:]}/{name}", inner


class Parts(Dict[str, Any]):
    """What has no elements of its own by which it could be cut: a union, runs, a sparse array ..."""


class Uncut(Exception):
    """Such a thing within a list."""


class Builder:
    """One array out of its files' bytes."""

    def __init__(self, layout: Layout, places: Mapping[str, Place]):
        self.layout, self.nodes, self.places = layout, layout.nodes, places

    def build(self, path: str) -> Any:
        """NumPy's array of it, or a dict of arrays by the names of its parts."""
        node = self.nodes[path]
        make = {"string": self.strings, "bytes": self.strings, "list": self.lists, "map": self.maps,
                "dictionary": self.dictionary}.get(str(node.get("dtype")))
        if node["kind"] != "file" and make is None:
            parts = {name: self.build(part) for name, part in self.layout.parts(path)}
            return parts if node.get("dtype") == "struct" else Parts(parts)
        return make(path) if make else self.numbers(path)

    def mask(self, path: str, shape: Tuple[int, ...]) -> Optional["NDArray[Any]"]:
        """Which elements are null; None: none can be."""
        mask: Optional["NDArray[Any]"] = None
        for validity in self.layout.validities(path):
            null = fixed(self.nodes[validity], self.places[validity]) == 0
            try:
                null = np.broadcast_to(null.reshape(null.shape + (1,) * (len(shape) - null.ndim)), shape)
            except ValueError:
                raise Error(f"{validity}: of shape {list(null.shape)}, beside {list(shape)}") from None
            mask = null if mask is None else mask | null
        return mask

    def numbers(self, path: str) -> "NDArray[Any]":
        """Elements of a fixed width."""
        node = self.nodes[path]
        if node.get("dtype") == "null":
            count = shape_of(node)
            if np.prod(count, dtype=float) > min(1 << 31, (available() or 1 << 34) // 8):
                raise Error(f"{path}: {list(count)} nulls")
            return np.full(count, None, dtype=object)
        array = fixed(node, self.places[path])
        if packed(node):
            return array
        mask = self.mask(path, array.shape)
        array = meant(node, array)
        return array if mask is None else np.ma.MaskedArray(np.asarray(array), mask=mask)

    def spans(self, path: str, limit: int) -> List[Tuple[int, int]]:
        """Where each list or string begins and ends."""
        name = f"{path}/offsets"
        if name not in self.places or element(self.nodes[name]).kind != "i":
            raise Error(f"{path}: there are no offsets")
        offsets = np.asarray(fixed(self.nodes[name], self.places[name])).astype("i8", copy=False).ravel()
        if offsets.size == 0 or offsets[0] < 0 or offsets[-1] > limit or bool((offsets[1:] < offsets[:-1]).any()):
            raise Error(f"{path}: offsets that do not rise from 0 to {limit}")
        ends = offsets.tolist()
        return list(zip(ends[:-1], ends[1:]))

    def filled(self, path: str, values: List[Any]) -> "NDArray[Any]":
        """The objects, None where null."""
        shape = shape_of(self.nodes[path])
        mask = self.mask(path, shape)
        array = objects(values, shape)
        if mask is not None:
            array[mask] = None
        return array

    def strings(self, path: str) -> "NDArray[Any]":
        """str, or bytes."""
        place = self.places.get(f"{path}/values", Place(b"", 0, 0))
        view = memoryview(place.buffer)[place.offset:place.offset + place.size]
        text = self.nodes[path]["dtype"] == "string"
        values: List[Any] = [str(view[a:b], "utf-8", "surrogateescape") if text else bytes(view[a:b]) for a, b in self.spans(path, place.size)]
        return self.filled(path, values)

    def lists(self, path: str) -> Any:
        """An array for each; if what is in them cannot be cut, where each begins and all of it."""
        inner = self.build(f"{path}/values") if f"{path}/values" in self.nodes else np.empty(0)
        try:
            count = length(inner)
        except Uncut:
            return Parts(offsets=self.numbers(f"{path}/offsets"), values=inner)
        return self.filled(path, [part(inner, a, b) for a, b in self.spans(path, count)])

    def maps(self, path: str) -> Any:
        """A list of pairs for each; or the same."""
        keys, values = self.build(f"{path}/values/key"), self.build(f"{path}/values/value")
        try:
            count = min(length(keys), length(values))
        except Uncut:
            return Parts(offsets=self.numbers(f"{path}/offsets"), key=keys, value=values)
        spans = self.spans(path, count)
        return self.filled(path, [list(zip(rows(part(keys, a, b)), rows(part(values, a, b)))) for a, b in spans])

    def dictionary(self, path: str) -> Any:
        """What the indices stand for."""
        indices, words = self.build(f"{path}/indices"), self.build(f"{path}/dictionary")
        mask = self.mask(path, indices.shape)
        own = np.ma.getmaskarray(indices) if isinstance(indices, np.ma.MaskedArray) else None
        mask = own if mask is None else mask if own is None else mask | own
        plain = np.asarray(indices).astype("i8")
        if mask is not None:
            plain[mask] = 0
        if isinstance(words, dict):
            return Parts(indices=indices if mask is None else np.ma.MaskedArray(np.asarray(indices), mask=mask), dictionary=words)
        count = length(words)
        valid = plain if mask is None else plain[~mask]
        if bool(((valid < 0) | (valid >= count)).any()):
            raise Error(f"{path}: an index beyond the {count} of the dictionary")
        taken = words[plain] if count else np.full(plain.shape, None, dtype=object)
        if mask is None:
            return taken
        if taken.dtype == object and not isinstance(taken, np.ma.MaskedArray):
            taken[mask] = None
            return taken
        return np.ma.MaskedArray(taken, mask=mask | np.ma.getmaskarray(taken))


def length(column: Any) -> int:
    """Of an array, or of the shortest part of a struct."""
    if isinstance(column, Parts) or (isinstance(column, dict) and not column):
        raise Uncut
    if isinstance(column, dict):
        return min(map(length, column.values()))
    return len(column)


def part(column: Any, begin: int, end: int) -> Any:
    """A range of its elements."""
    if isinstance(column, dict):
        return {name: part(inner, begin, end) for name, inner in column.items()}
    return column[begin:end]


def rows(column: Any) -> List[Any]:
    """Its elements one by one; of a struct, a dict each."""
    if isinstance(column, dict):
        inner: Dict[str, List[Any]] = {name: rows(one) for name, one in column.items()}
        return [dict(zip(inner, values)) for values in zip(*inner.values())]
    return elements(column)
