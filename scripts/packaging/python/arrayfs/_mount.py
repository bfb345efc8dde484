# SPDX-License-Identifier: MIT
"""A source mounted for the length of a block."""
from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
import tempfile
from typing import Iterable, Iterator, Optional, Union

from ._program import Error, Path, located, options, run


def _unmount(path: str) -> None:
    """Also while files of it are still mapped: then it is gone from its place now, and ends with the last of them."""
    try:
        run(["-u", path])
    except Error:
        for command in (["fusermount3", "-u", "-z", path], ["umount", "-l", path]):
            with contextlib.suppress(OSError):
                if subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0:
                    return
        if os.path.ismount(path):
            raise


@contextlib.contextmanager
def mount(source: Path, mountpoint: Optional[Path] = None, *, dataset: bool = False, records: Union[bool, str] = False,
          follow: bool = False, split: Optional[str] = None, others: Iterable[str] = ()) -> Iterator[pathlib.Path]:
    """Mounts `source` and gives the folder, in which every array is a plain file; unmounts it at the end of the block.

    Without `mountpoint` it is a folder of its own, which goes with the mount.  The options are
    those of arrayfs.open(); `others` are further ones of -o, as "cache=1G".  Needs /dev/fuse, and, unless
    this is root, fusermount3 (Debian: fuse3).
    """
    with contextlib.ExitStack() as stack:
        if mountpoint is None:
            mountpoint = os.path.join(stack.enter_context(tempfile.TemporaryDirectory(prefix="arrayfs-")), "mount")
        path = os.path.join(os.getcwd(), os.fsdecode(mountpoint))
        chosen = options(dataset=dataset, records=records, follow=follow, split=split, others=others)
        run([*chosen, "--", located(source), path], stdout=subprocess.DEVNULL)
        stack.callback(_unmount, path)
        yield pathlib.Path(path)
