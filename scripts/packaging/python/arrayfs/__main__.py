# SPDX-License-Identifier: MIT
"""python -m arrayfs: the program itself."""
import os
import sys

from ._program import program

os.execv(program(), ["arrayfs", *sys.argv[1:]])
