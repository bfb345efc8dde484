# SPDX-License-Identifier: MIT
"""Pickles at random: containers, values, NumPy arrays of every type and order."""
import collections
import random

import numpy as np

TYPES = ["bool", "i1", "<i2", ">i4", "<i8", "u1", ">u2", "<u4", "<u8", "<f2", ">f4", "<f8", "<c8", ">c16", "S1", "S7", "<U1", ">U5", "V3", "<M8[D]", "<M8[ns]", "<m8[us]"]
RECORDS = [[("x", "<i4"), ("y", ">f8")], [("a", "u1"), ("b", [("c", "<f4", (2,)), ("d", "S3")])], np.dtype([("x", "u1"), ("y", "<f8")], align=True)]


class Estimator:
    """As scikit-learn's: its attributes in __dict__."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class Random:
    def __init__(self, seed):
        self.rng, self.bytes, self.made = random.Random(seed), np.random.default_rng(seed), []

    def array(self):
        if self.made and self.rng.random() < .1:
            return self.rng.choice(self.made)
        dtype = np.dtype(self.rng.choice(TYPES if self.rng.random() < .85 else RECORDS))
        shape = tuple(self.rng.choice([0, 1, 2, 3, 5, 17]) for _ in range(self.rng.randrange(4)))
        n = int(np.prod(shape, dtype=np.int64))
        if dtype.kind == "U":
            a = np.array(["xyzé%d" % i for i in range(n)]).astype(dtype).reshape(shape)
        elif dtype.kind == "b":
            a = self.bytes.integers(0, 2, shape).astype(bool)
        else:
            a = np.frombuffer(self.bytes.bytes(n * dtype.itemsize), np.uint8).view(dtype).reshape(shape).copy() if n and dtype.itemsize else np.zeros(shape, dtype)
        way = self.rng.randrange(6)
        a = np.asfortranarray(a) if way == 0 and a.ndim else a.T if way == 1 else a[::2] if way == 2 and a.ndim else a
        self.made.append(a)
        return a

    def value(self):
        return self.rng.choice([1, -5, 2 ** 70, 0.1, float("nan"), True, None, "text", "größe", (1, 2), [1, [2]], {"a": 1}, {}, 3 + 4j, np.float64(.1), np.int16(3), np.bool_(True),
                                np.str_("s"), {7}, frozenset([8]), collections.OrderedDict(a=1)])

    def thing(self, depth=0):
        r = self.rng.random()
        if depth and r < .4:
            return self.array()
        if depth and r < .55:
            return self.value()
        if depth and r < .6:
            return self.rng.randbytes(self.rng.randrange(9))
        if depth and r < .65:
            return np.complex64(1 + 2j) if r < .62 else np.datetime64("2026-01-01", "s")
        if depth > 3:
            return self.array()
        things = [self.thing(depth + 1) for _ in range(self.rng.randrange(1, 6))]
        way = self.rng.randrange(7)
        if way == 0:
            return tuple(things)
        if way == 1:
            return things
        if way == 2:
            return Estimator(**{f"p{i}_": t for i, t in enumerate(things)})
        if way == 3:
            objects = np.empty((2, len(things)), dtype=object)
            for i, t in enumerate(things):
                objects[0, i], objects[1, i] = t, i
            return np.asfortranarray(objects) if self.rng.random() < .5 else objects
        return {self.rng.choice(["k%d", "a.%d", "x/%d"]) % i if self.rng.random() < .8 else i: t for i, t in enumerate(things)}
