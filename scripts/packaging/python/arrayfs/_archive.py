# SPDX-License-Identifier: MIT
"""A source and its arrays."""
from __future__ import annotations

import difflib
import functools
import html
import json
import math
import os
import posixpath
import re
import warnings
from typing import TYPE_CHECKING, Any, Dict, Iterable, Iterator, List, Mapping, Optional, Union

from ._arrays import Array, Node, Place, available, fixed, mapped, mapping
from ._columns import Builder, Layout
from ._program import Error, MissingError, Path, failure, located, options, printable, run, sentences, start

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

_HOPS = 40  # links on one way, as the kernel allows
_LINES = 60  # of a tree in a notebook
_PIECES = r"\*\*/|\*\*|\[!?[^\]/][^\]/]*\]|."  # of a pattern


def _piece(piece: str) -> str:
    """The regular expression for it."""
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    if len(piece) > 2 and piece[0] == "[":
        negative = piece[1] == "!" and len(piece) > 3
        inner = re.sub(r"([\\^\[&~|])", r"\\\1", piece[1 + negative:-1])
        return f"(?!/)[{'^' if negative else ''}{inner}]"
    return known.get(piece, re.escape(piece))


class Archive(Mapping[str, Any]):
    """The arrays of a source by their paths, as `arrayfs list` prints them.

    Only metadata is read when it is opened.  `archive[path]` is, by what the array is made of:

    numbers, fixed strings   an Array: NumPy's memmap, read-only.  Of the file itself where the bytes lie there as
                             they are, of memory that the program decoded into otherwise.
                             Byte order and Fortran's order are the archive's.
                             bfloat16, float8 and the like are the types of ml_dtypes;
                             elements of less than a byte are the bytes that they are packed in
    dates, times             datetime64 and timedelta64 (a time of the day: since midnight)
    decimals, 128 bits       object arrays of decimal.Decimal and of int
    with nulls               numpy.ma.MaskedArray of one of these
    strings, bytes           object arrays of str and bytes, None where null
    lists, maps              object arrays of arrays and of lists of pairs, None where null
    dictionaries             what the indices stand for
    structs and the rest     a dict of the parts' arrays, each of which has a path of its own, too
                             (which structs are null: archive[path + ".validity"])

    Iteration tells each array once, in the archive's order; links and second paths lead to it, too.
    """

    def __init__(self, source: Path, arguments: Iterable[str] = ()):
        self.source = located(source)
        self._cwd = os.getcwd()  # a later chdir() does not change what is meant
        self._arguments = list(arguments)
        whole = os.path.join(self._cwd, os.fsdecode(source))
        self._folder = whole if os.path.isdir(whole) else os.path.dirname(whole)
        self._nodes: Dict[str, Node] = {}
        self._children: Dict[str, List[str]] = {}
        self._load()
        self._layout = Layout(self._nodes, self._children)

    def _load(self) -> None:
        told = start(["--list", "--json", *self._arguments, "--", self.source], cwd=self._cwd)
        if told.returncode != 0 and not told.stdout:
            raise failure(told)
        for line in sentences(told):  # of what cannot be listed, beside the rest
            warnings.warn(printable(line), RuntimeWarning, stacklevel=4)
        for text in told.stdout.splitlines():
            node = json.loads(text.decode("utf-8", "surrogateescape"))
            path = node["path"]
            if path not in self._nodes:
                self._nodes[path] = node
                if path:
                    self._children.setdefault(posixpath.dirname(path), []).append(path)

    # --- what there is ---------------------------------------------------------

    @property
    def format(self) -> Optional[str]:
        """The archive's; None for a folder."""
        told: Optional[str] = self._nodes.get("", {}).get("format")
        return told

    @property
    def attributes(self) -> Dict[str, Any]:
        """The archive's own metadata."""
        return dict(self._nodes.get("", {}).get("attributes", {}))

    def info(self, path: str = "") -> Node:
        """All that is known of a file or directory: dtype, shape, size, attributes ..."""
        return dict(self._nodes[self._resolve(path)])

    @functools.cached_property
    def _paths(self) -> List[str]:
        found: List[str] = []
        stack = [""]
        while stack:
            path = stack.pop()
            node = self._nodes.get(path, {})
            if "same_as" in node or node.get("companion"):
                continue
            if "dtype" in node and node.get("kind") != "link":
                found.append(path)
            else:
                stack.extend(reversed(self._children.get(path, ())))
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def __contains__(self, path: object) -> bool:
        try:
            return isinstance(path, str) and "dtype" in self._nodes[self._resolve(path)]
        except MissingError:
            return False

    def glob(self, pattern: str) -> List[str]:
        """The paths that match: * within a name, ** over any number of directories, ? and [abc]."""
        try:
            wanted = re.compile("".join(_piece(p) for p in re.findall(_PIECES, pattern, re.DOTALL)), re.DOTALL)
        except re.error as fault:  # [z-a]
            raise Error(f"{pattern}: {fault.msg}") from None
        return [path for path in self if wanted.fullmatch(path)]

    def _resolve(self, path: str) -> str:
        """The path of the node itself, over links and second paths of what is shown once."""
        asked, hops = path, 0
        while hops < _HOPS:
            ends = [i for i, c in enumerate(path) if c == "/"] + [len(path)]
            for end in ends:
                node = self._nodes.get(path[:end], {})
                to = node.get("same_as")
                if to is None and node.get("kind") == "link":
                    to = posixpath.normpath(posixpath.join(posixpath.dirname(path[:end]), str(node.get("target", ""))))
                if to is not None:
                    path, hops = str(to) + path[end:], hops + 1
                    break
            else:
                if path in self._nodes:
                    return path
                break
        raise MissingError(self._missing(asked))

    def _missing(self, path: str) -> str:
        like = difflib.get_close_matches(path, self._paths[:10000], n=1)
        return f"{self.source}: {path}: no such array" + (f"; did you mean '{like[0]}'?" if like else "")

    # --- the arrays ------------------------------------------------------------

    def __getitem__(self, path: str) -> Any:
        if not isinstance(path, str):
            raise MissingError(f"{self.source}: a path is a str, not {type(path).__name__}")
        path = self._resolve(path)
        node = self._nodes[path]
        if "dtype" not in node:
            what = "a directory of arrays, of which each has a path of its own" if node["kind"] == "directory" else "a file without an array"
            raise MissingError(f"{self.source}: {path or '.'} is {what}")
        if node["kind"] == "file" and node["dtype"] == "object":
            raise Error(f"{self.source}: {path}: {node.get('error', 'Python objects are not read')}")
        try:
            return Builder(self._layout, self._fetch(self._layout.files(path))).build(path)
        except MemoryError:
            raise Error(f"{self.source}: {path}: no memory") from None

    def _fetch(self, paths: List[str]) -> Dict[str, Place]:
        """The bytes of files: mapped where they lie, the others decoded by one run of the program."""
        places: Dict[str, Place] = {}
        for path in paths:
            place = mapped(self._folder, self._nodes[path]) if "stored" in self._nodes[path] else None
            if place:
                places[path] = place
        rest = [path for path in paths if path not in places and self._nodes[path].get("dtype") != "null"]
        if rest:
            sizes = [int(self._nodes[path].get("size", 0)) for path in rest]
            whole, at = self._decode(rest, sum(sizes)), 0
            for path, size in zip(rest, sizes):
                places[path] = Place(whole.buffer, whole.offset + at, size)
                at += size
        return places

    def _decode(self, paths: List[str], size: int) -> Place:
        room = available()
        if room is not None and size > room:  # chunks that were never written take no room in the file
            raise Error(f"{self.source}: {paths[0]}: {size} bytes, where {room} of memory are available")
        fd = os.memfd_create("arrayfs")
        try:
            run(["--cat", *self._arguments, "--", self.source, *paths], stdout=fd, cwd=self._cwd)
            if os.fstat(fd).st_size != size:
                raise Error(f"{self.source}: {paths[0]}: {os.fstat(fd).st_size} bytes, not {size}: the archive has changed, or its sizes are wrong")
            return mapping(fd, 0, size)
        finally:
            os.close(fd)

    def torch(self, path: str) -> "torch.Tensor":
        """The array as a tensor: archive[path].torch(), for arrays of numbers without nulls."""
        array = self[path]
        if not isinstance(array, Array):
            raise Error(f"{self.source}: {path}: {self._nodes[self._resolve(path)]['dtype']} that is no array of plain numbers is no tensor")
        return array.torch()

    def float32(self, path: str) -> "NDArray[np.float32]":
        """The values as float32: of narrow floats, of GGUF's blocks, of integers with a scale; of float32, itself."""
        path = self._resolve(path)
        node = self._nodes[path]
        if node.get("dtype") == "float32" and node.get("byteorder") == "little":
            return self[path]  # type: ignore[no-any-return]
        shape: List[int] = node.get("logical_shape") or node.get("shape", [0])
        values: Node = {**node, "dtype": "float32", "byteorder": "little", "shape": shape}
        return fixed(values, self._decode([f".arrayfs/f32/{path}"], 4 * math.prod(shape)))

    def read(self, path: str) -> bytes:
        """The bytes of a file, as `arrayfs cat` writes them; views below .arrayfs/ as well."""
        return run(["--cat", *self._arguments, "--", self.source, path], cwd=self._cwd)

    # --- for people --------------------------------------------------------------

    def tree(self) -> str:
        """The tree with types, shapes and sizes."""
        told = start(["--list", "--tree", "-H", *self._arguments, "--", self.source], cwd=self._cwd)
        if not told.stdout:
            raise failure(told)
        return "\n".join(printable(line) for line in told.stdout.decode("utf-8", "surrogateescape").splitlines())

    def _short(self) -> str:
        lines = self.tree().splitlines()
        more = len(lines) - _LINES
        return "\n".join(lines if more <= 1 else [*lines[:_LINES], f"... and {more} lines more: print(archive.tree())"])

    def __repr__(self) -> str:
        try:
            return self._short()
        except Error as fault:
            return f"<arrayfs.Archive {printable(self.source)}: {fault}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"

    def _ipython_key_completions_(self) -> List[str]:
        return self._paths


def open(source: Path, *, dataset: bool = False, records: Union[bool, str] = False, follow: bool = False,
         split: Optional[str] = None, others: Iterable[str] = ()) -> Archive:
    """Opens an archive, an index of several, or a folder of them.

    dataset   a folder of Parquet or Arrow files is one table
    records   files of records in a folder are tables; a word says of which kind, as "csv"
    follow    links that lead out of the source are shown as what they lead to
    split     one more character that separates directories in names
    others    further options of -o, as "schema=message.desc"
    """
    return Archive(source, options(dataset=dataset, records=records, follow=follow, split=split, others=others))
