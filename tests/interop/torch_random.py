# SPDX-License-Identifier: MIT
"""Checkpoints at random: containers, keys, values, tensors of every type and layout."""
import argparse
import collections
import dataclasses
import random

import numpy as np
import torch

FLOATS = [torch.float16, torch.float32, torch.float64, torch.bfloat16]
INTS = [torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8]
COMPLEX = [torch.complex64, torch.complex128]
BARE = [torch.uint16, torch.uint32, torch.uint64, torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.float8_e8m0fnu,
        torch.complex32]
LEGACY = [*FLOATS, *INTS, torch.bool, *COMPLEX]        # what torch reads of the old form
KEYS = ["a", "weight", "layer.0.weight", "x/y", "größe", "tab\there", "..", ".arrayfs", "", "%41", "k" * 300, "nl\n", "a b", "~2", "w~2"]
QUANTIZED = [torch.qint8, torch.quint8, torch.qint32]


@dataclasses.dataclass
class Settings:
    name: str
    rate: float
    weights: object = None


class Slots:
    __slots__ = ("left", "right")

    def __init__(self, left, right):
        self.left, self.right = left, right


Pair = collections.namedtuple("Pair", "first second")


class Random:
    def __init__(self, seed, legacy=False):
        self.rng, self.legacy, self.made = random.Random(seed), legacy, []
        self.bytes = np.random.default_rng(seed)

    def raw(self, dtype, n):
        """n elements of any bits; bool of 0 and 1."""
        if dtype == torch.bool:
            return torch.from_numpy(self.bytes.integers(0, 2, n).astype("bool"))
        data = torch.from_numpy(self.bytes.integers(0, 256, n * torch.empty(0, dtype=dtype).itemsize, dtype=np.uint8).copy())
        return data.view(dtype) if n else torch.empty(0, dtype=dtype)

    def tensor(self):
        if self.made and self.rng.random() < 0.15:
            return self.rng.choice(self.made)
        dtype = self.rng.choice(LEGACY if self.legacy else LEGACY + BARE)
        shape = [self.rng.choice([0, 1, 2, 3, 5, 8]) if self.rng.random() < .9 else 1 for _ in range(self.rng.randrange(4))]
        n = int(np.prod(shape, dtype=np.int64))
        t = self.raw(dtype, n).reshape(shape)
        t = self.view(t)
        if dtype in FLOATS and self.rng.random() < .2:
            t = torch.nn.Parameter(t)
        self.made.append(t)
        return t

    def view(self, t):
        for _ in range(self.rng.randrange(3)):
            way = self.rng.randrange(7)
            if way == 0 and t.ndim > 1:
                t = t.transpose(0, -1)
            elif way == 1 and t.ndim and t.shape[0] > 1:
                t = t[1:]
            elif way == 2 and t.ndim and t.shape[-1] > 1:
                t = t[..., ::2]
            elif way == 3:
                t = t.expand(self.rng.choice([2, 3]), *t.shape)
            elif way == 4 and t.dtype in COMPLEX:
                t = t.conj()
            elif way == 5 and t.dtype in COMPLEX:
                t = t.conj().imag
            elif way == 6 and t.ndim and t.numel():
                t = t.as_strided(t.shape, [0] * t.ndim, t.storage_offset())
        return t

    def other(self):
        """Tensors that are several files, or none."""
        way = self.rng.randrange(9)
        dense = torch.from_numpy(self.bytes.integers(0, 3, (4, 6)).astype("f4"))
        if way == 0:
            return dense.to_sparse()
        if way == 1:
            return dense.to_sparse_csr()
        if way == 2:
            return dense.to_sparse_csc()
        if way == 3:
            return dense.to_sparse_bsr((2, 3)) if self.rng.random() < .5 else dense.to_sparse_bsc((2, 2))
        if way == 4:
            return torch.quantize_per_tensor(dense, self.rng.random() + .1, self.rng.randrange(9), self.rng.choice(QUANTIZED))
        if way == 5:
            return torch.quantize_per_channel(dense, torch.rand(6, dtype=torch.float64) + .1, torch.zeros(6, dtype=torch.int64), 1, self.rng.choice(QUANTIZED))
        if way == 6:
            return torch.empty(3, 2, dtype=self.rng.choice(FLOATS), device="meta")
        if way == 7:
            return self.array()
        return self.rng.randbytes(self.rng.randrange(20)) if self.rng.random() < .7 else bytearray(b"ab")

    def array(self):
        a = self.bytes.integers(0, 100, (3, 4)).astype(self.rng.choice(["<i2", ">f4", "<f8", "bool", "<c8", "S3", "<U2", "<M8[s]"]))
        return self.rng.choice([a, np.asfortranarray(a), a[:, ::2], a[0, 0:0], np.array([(1, 2.5)], dtype=[("x", "<i4"), ("y", ">f8")]), np.array([None, a], dtype=object)])

    def value(self):
        return self.rng.choice([
            1, -5, 0, 2 ** 40, -2 ** 70, 10 ** 60, 0.1, 1e300, -0.0, float("nan"), float("inf"), True, False, None, "text", "größe\n", "", 3 + 4j, complex(float("nan"), 0),
            (1, 2), [1, [2, "x"]], {"lr": 1e-3, "betas": (0.9, 0.999)}, {}, [], (), torch.float32, torch.bfloat16, torch.device("cpu"), torch.Size([2, 3]),
            {1: "a"}, np.float64(2.5), np.float32(.1), np.int16(-3), np.bool_(True), np.str_("np"), set(), {7}, frozenset([8]), collections.OrderedDict(a=1),
            collections.Counter("aab"), collections.defaultdict(list, {"z": [1]})])

    def key(self, taken):
        while True:
            k = self.rng.choice(KEYS) if self.rng.random() < .3 else self.rng.choice(["p%d", "q.%d.r"]) % self.rng.randrange(99)
            if self.rng.random() < .15:
                k = self.rng.choice([1, -5, 2.5, True, None, ("a", 1), 7, b"bytes", torch.float32, (1, (2.5, None))])
            if k not in taken:
                return k

    def container(self, depth=0):
        n = self.rng.randrange(1, 7)
        things = [self.thing(depth + 1) for _ in range(n)]
        way = self.rng.randrange(12)
        if way < 6:
            d = {} if way else collections.OrderedDict()
            for t in things:
                d[self.key(d)] = t
            return d
        if way == 6:
            return tuple(things)
        if way == 7:
            return Settings("name", .5, things)
        if way == 8:
            return Slots(things[0], things)
        if way == 9:
            return argparse.Namespace(**{f"arg{i}": t for i, t in enumerate(things)})
        if way == 10:
            return Pair(things[0], things[-1])
        return things

    def thing(self, depth):
        r = self.rng.random()
        if r < .45:
            return self.tensor()
        if r < .65 and depth < 4:
            return self.container(depth)
        if r < .75 and not self.legacy:
            return self.other()
        return self.value()


