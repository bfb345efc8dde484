# SPDX-License-Identifier: MIT
"""The program: where it is, how it is run, and what it says when it fails."""
from __future__ import annotations

import functools
import importlib.metadata
import os
import shutil
import subprocess
from typing import Iterable, List, Optional, Union

Path = Union[str, "os.PathLike[str]"]


def printable(text: str) -> str:
    """The text without what would control a terminal or reorder what it shows: names come from files."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class Error(Exception):
    """What the program refuses or cannot do, in its own sentence."""

    def __str__(self) -> str:
        return printable(" ".join(str(a) for a in self.args))


class MissingError(Error, KeyError):
    """There is no such array."""


@functools.lru_cache(maxsize=None)
def _installed() -> Optional[str]:
    """The program that was installed together with this package, wherever pip put it."""
    try:
        files = importlib.metadata.files("arrayfs") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    places = [str(file.locate()) for file in files if file.parts[-2:] == ("bin", "arrayfs")]
    places.append(os.path.join(os.path.dirname(os.path.dirname(__file__)), "bin", "arrayfs"))  # pip install --target
    return next((os.path.realpath(place) for place in places if os.access(place, os.X_OK)), None)


def program() -> str:
    """The path of the program."""
    found = os.environ.get("ARRAYFS") or _installed() or shutil.which("arrayfs")
    if not found:
        raise Error("there is no program arrayfs: install it, or tell where it is in $ARRAYFS")
    return os.path.abspath(found)


def located(source: Path) -> str:
    """A source as the program is told it: no command of this name is meant."""
    text = os.fsdecode(source)
    return text if not text or "/" in text or "." in text else f"./{text}"


def options(*, dataset: bool = False, records: Union[bool, str] = False, follow: bool = False, split: Optional[str] = None,
            others: Iterable[str] = ()) -> List[str]:
    """What the user asked for, as arguments."""
    words = [word for word, wanted in (("dataset", dataset), ("follow", follow)) if wanted]
    if records:
        words.append("records" if records is True else f"records={records}")
    if split is not None:
        words.append(f"split={split}")
    return [argument for word in (*words, *others) for argument in ("-o", word)]


def start(arguments: Iterable[str], stdout: int = subprocess.PIPE, cwd: Optional[str] = None) -> "subprocess.CompletedProcess[bytes]":
    """Runs it to its end."""
    try:
        return subprocess.run([program(), *arguments], stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, cwd=cwd, check=False)
    except OSError as fault:
        raise Error(f"{program()}: {fault.strerror}") from fault
    except ValueError as fault:  # a NUL in a path
        raise Error(str(fault)) from None


def sentences(finished: "subprocess.CompletedProcess[bytes]") -> List[str]:
    """What it said, without its own name."""
    lines = finished.stderr.decode("utf-8", "surrogateescape").splitlines()
    return [line[len("arrayfs: "):] if line.startswith("arrayfs: ") else line for line in lines]


def failure(finished: "subprocess.CompletedProcess[bytes]") -> Error:
    """The exception for a run that failed."""
    if finished.returncode < 0:
        return Error(f"the program ended by signal {-finished.returncode}")
    return Error("; ".join(sentences(finished)) or f"the program returned {finished.returncode}")


def run(arguments: Iterable[str], stdout: int = subprocess.PIPE, cwd: Optional[str] = None) -> bytes:
    """What it wrote; an Error if it failed."""
    finished = start(arguments, stdout, cwd)
    if finished.returncode != 0:
        raise failure(finished)
    return finished.stdout or b""


def version() -> str:
    """The version of the program."""
    return run(["--version"]).decode().split()[-1]
