#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checkpoints of torch.distributed.checkpoint, compared with its own load().

Tensors are cut into boxes at random, regularly or not, which are written as its writer
writes them, one slice behind the other, to several files, and in any order of dimensions.
"""
import io
import json
import os
import pickle
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import arrayfs, check, done, folder, listed, need, sampled  # noqa: E402

torch, dcp = need("torch", "torch.distributed.checkpoint")
from torch.distributed.checkpoint.filesystem import _StorageInfo  # noqa: E402
from torch.distributed.checkpoint.metadata import (  # noqa: E402
    BytesStorageMetadata, ChunkStorageMetadata, Metadata, MetadataIndex, TensorProperties, TensorStorageMetadata)

TYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8,
         torch.bool, torch.complex64, torch.complex128, torch.float8_e5m2, torch.uint16, torch.uint64]
VALUES = [1, -5, 2.5, None, True, "text", [1, 2, [3]], {"a": 1, "b": [None, 0.1]}, (1, 2), "", 2**70, "ü"]


def cut(rng, offsets, sizes, left):
    """Boxes that fill one, cut in two again and again."""
    splits = [i for i, n in enumerate(sizes) if n > 1]
    if left == 0 or not splits or rng.random() < 0.1:
        return [(offsets, sizes)]
    i = rng.choice(splits)
    at = rng.randrange(1, sizes[i])
    low = cut(rng, offsets, sizes[:i] + (at,) + sizes[i + 1:], left - 1)
    return low + cut(rng, offsets[:i] + (offsets[i] + at,) + offsets[i + 1:], sizes[:i] + (sizes[i] - at,) + sizes[i + 1:], left - 1)


def regular(rng, sizes):
    """Boxes of a grid, as a mesh of processes has them."""
    boxes = [((), ())]
    for n in sizes:
        step = max(1, -(-n // rng.choice([1, 1, 2, 3, 4])))
        boxes = [(o + (at,), s + (min(step, n - at),)) for o, s in boxes for at in range(0, n, step)]
    return boxes


def turned(rng, tensor):
    """The same, its storage in another order of dimensions."""
    if tensor.dim() < 2 or rng.random() < 0.7:
        return tensor.contiguous().clone()
    order = rng.sample(range(tensor.dim()), tensor.dim())
    back = [order.index(i) for i in range(tensor.dim())]
    return tensor.permute(order).contiguous().clone().permute(back)


class Writer:
    def __init__(self, top, rng):
        self.top, self.rng, self.entries, self.slices = top, rng, {}, {}
        self.files = {f"__{i}_0.distcp": io.BytesIO() for i in range(rng.randint(1, 4))}

    def put(self, index, value):
        name = self.rng.choice(list(self.files))
        at = self.files[name].tell()
        torch.save(value, slice_ := io.BytesIO())
        self.files[name].write(slice_.getvalue())
        self.slices[index] = _StorageInfo(name, at, len(slice_.getvalue()))

    def tensor(self, name, tensor, boxes):
        self.entries[name] = TensorStorageMetadata(
            TensorProperties(dtype=tensor.dtype), tensor.size(), [ChunkStorageMetadata(torch.Size(o), torch.Size(s)) for o, s in boxes])
        for offsets, sizes in boxes:
            part = tensor[tuple(slice(o, o + n) for o, n in zip(offsets, sizes))]
            self.put(MetadataIndex(name, torch.Size(offsets)), turned(self.rng, part))

    def value(self, name, value):
        self.entries[name] = BytesStorageMetadata()
        self.put(MetadataIndex(name), value)

    def end(self):
        for name, data in self.files.items():
            (self.top / name).write_bytes(data.getvalue())
        (self.top / ".metadata").write_bytes(pickle.dumps(Metadata(self.entries, storage_data=self.slices), protocol=4))


def some_tensor(rng):
    sizes = tuple(rng.choice([0, 1, 2, 3, 5, 8, 17]) if rng.random() < 0.9 else 200 for _ in range(rng.randint(0, 4)))
    count, dtype = torch.Size(sizes).numel(), rng.choice(TYPES)
    return torch.randint(0, 256, (count * dtype.itemsize,), dtype=torch.uint8).view(dtype).reshape(sizes) if dtype != torch.bool \
        else torch.randint(0, 2, sizes, dtype=torch.bool)


def elements(tensor):
    return tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes()


def compare(top, out):
    metadata = dcp.FileSystemReader(top).read_metadata()
    tensors = {name: torch.zeros(entry.size, dtype=entry.properties.dtype)
               for name, entry in metadata.state_dict_metadata.items() if hasattr(entry, "size")}
    dcp.load(tensors, checkpoint_id=top)
    told = {o["path"]: o for o in listed(top / ".metadata")}
    arrayfs("--extract", top / ".metadata", out)
    assert set(told) == set(tensors), f"{sorted(told)} are not {sorted(tensors)}"
    for name, tensor in tensors.items():
        assert told[name]["shape"] == list(tensor.size()), f"{name}: {told[name]['shape']} is not {tensor.size()}"
        assert told[name]["type"] == str(tensor.dtype), f"{name}: {told[name]['type']} is not {tensor.dtype}"
        assert (out / name).read_bytes() == elements(tensor), f"{name} of {tensor.size()}, {tensor.dtype}"


def random_checkpoint(top, seed):
    rng = random.Random(seed)
    torch.manual_seed(seed)
    w = Writer(top, rng)
    for i in range(12):
        tensor = some_tensor(rng)
        sizes = tuple(tensor.size())
        boxes = cut(rng, (0,) * len(sizes), sizes, rng.randint(0, 4)) if tensor.numel() and rng.random() < 0.5 else regular(rng, sizes)
        w.tensor(f"t{i}.{rng.choice(['weight', 'bias', 'ü'])}", tensor, boxes)
    w.end()


for number in sampled(range(40)):
    with check(f"tensors_cut_at_random_{number}"), folder() as path:
        (path / "c").mkdir()
        random_checkpoint(path / "c", number)
        compare(path / "c", path / "out")

with check("large_tensors_are_joined"), folder() as path:
    (path / "c").mkdir()
    writer = Writer(path / "c", random.Random(1))
    rows = torch.arange(3 << 20, dtype=torch.float32).reshape(3 << 10, 1 << 10)
    writer.tensor("rows", rows, [((i << 10, 0), (1 << 10, 1 << 10)) for i in range(3)])
    writer.tensor("columns", rows, [((0, i << 8), (3 << 10, 1 << 8)) for i in range(4)])
    writer.tensor("thin", rows, [((0, i * 8), (3 << 10, 8)) for i in range(128)])
    writer.end()
    compare(path / "c", path / "out")

with check("other_values_are_told_as_json"), folder() as path:
    writer = Writer(path, random.Random(2))
    for number, value in enumerate(VALUES):
        writer.value(f"v{number}", value)
    writer.end()
    root = next(o for o in listed(path / ".metadata", inner=True) if o["path"] == "")
    for number, value in enumerate(VALUES):
        got = root["attributes"][f"v{number}"]
        assert got == json.loads(json.dumps(value)), f"{got!r} is not {value!r}"

with check("what_chunks_do_not_cover_or_cover_twice_is_an_error"), folder() as path:
    writer = Writer(path, random.Random(3))
    numbers = torch.arange(32, dtype=torch.int16).reshape(8, 4)
    writer.tensor("gap", numbers, [((0, 0), (4, 4)), ((6, 0), (2, 4))])
    writer.tensor("overlap", numbers, [((0, 0), (5, 4)), ((4, 0), (4, 4))])
    writer.tensor("whole", numbers, [((0, 0), (8, 4))])
    writer.entries["beyond"] = TensorStorageMetadata(
        TensorProperties(dtype=torch.int16), torch.Size([8, 4]), [ChunkStorageMetadata(torch.Size([4, 0]), torch.Size([8, 4]))])
    writer.end()
    for name, words in (("gap", "no chunk covers byte 32"), ("overlap", "two of its chunks overlap"),
                        ("beyond", "a chunk of it leads beyond its shape")):
        told = arrayfs("--cat", path / ".metadata", name, code=1).stderr.decode()
        assert words in told, told
    assert arrayfs("--cat", path / ".metadata", "whole").stdout == elements(numbers)

done()
