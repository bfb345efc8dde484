# SPDX-License-Identifier: MIT
"""What a checkpoint is, at a glance: whole processes."""
import json
import struct

from measure import ARRAYFS, DATA, VENV, compare, run, tell, timed

SHARDS = 29


def layers():
    """Names and shapes of a Llama of 70 billion parameters: 723 tensors."""
    yield "model.embed_tokens.weight", [128256, 8192]
    for i in range(80):
        for name, shape in (("input_layernorm", [8192]), ("mlp.down_proj", [8192, 28672]), ("mlp.gate_proj", [28672, 8192]),
                            ("mlp.up_proj", [28672, 8192]), ("post_attention_layernorm", [8192]), ("self_attn.k_proj", [1024, 8192]),
                            ("self_attn.o_proj", [8192, 8192]), ("self_attn.q_proj", [8192, 8192]), ("self_attn.v_proj", [1024, 8192])):
            yield f"model.layers.{i}.{name}.weight", shape
    yield "model.norm.weight", [8192]
    yield "lm_head.weight", [128256, 8192]


def shard(path, tensors):
    """A file with holes instead of data."""
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in tensors:
        end = at + 2 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        f.truncate(8 + len(text) + at)
    return at


def checkpoint():
    """In shards with an index, and in one file, since that is all that the peer takes."""
    folder, tensors = DATA / "llama-70b", list(layers())
    index, whole = folder / "model.safetensors.index.json", folder / "whole.safetensors"
    if not index.exists():
        folder.mkdir(parents=True, exist_ok=True)
        weight_map, each = {}, -(-len(tensors) // SHARDS)
        for i in range(SHARDS):
            name, some = f"model-{i + 1:05}-of-{SHARDS:05}.safetensors", tensors[i * each:(i + 1) * each]
            shard(folder / name, some)
            weight_map.update((tensor, name) for tensor, _ in some)
        total = shard(whole, tensors)
        index.write_text(json.dumps({"metadata": {"total_size": total}, "weight_map": weight_map}, indent=2))
    return index, whole


def case_info(runs):
    """info of a checkpoint of 70 billion parameters in 29 shards, against sft-cli's of one file"""
    index, whole = checkpoint()
    sft = VENV / "bin" / "sft"
    for source, what in ((index, "29 shards"), (whole, "one file")):
        tell(f"info, 723 tensors in {what}", f"arrayfs info {source.name}", f"sft info {whole.name}",
             compare(runs, lambda source=source: timed(lambda: run(ARRAYFS, "info", source)), lambda: timed(lambda: run(sft, "info", whole))), "20")
