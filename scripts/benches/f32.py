# SPDX-License-Identifier: MIT
"""The values of quantized tensors as float32, 1 GiB of them."""

from measure import OUT, PYTHON, cat_to_file, compare, make, run, tell, timed

# Scales are small numbers, so that no value is a NaN or subnormal.
WRITE = """
import sys, numpy as np, gguf
kind = gguf.GGMLQuantizationType.{kind}
elements, size = gguf.constants.GGML_QUANT_SIZES[kind]
blocks = np.frombuffer(np.random.default_rng(1).bytes((1 << 28) // elements * size), np.uint8).reshape(-1, size).copy()
blocks[:, :{scales}].view("<f2")[:] = 0.01
w = gguf.GGUFWriter(sys.argv[1], "bench")
w.add_tensor("w", blocks.reshape(1 << 14, -1), raw_dtype=kind)
w.write_header_to_file()
w.write_kv_data_to_file()
w.write_tensors_to_file()
w.close()"""

DEQUANTIZE = """
import sys, gguf
t = gguf.GGUFReader(sys.argv[1]).tensors[0]
gguf.quants.dequantize(t.data, t.tensor_type).tofile(sys.argv[2])"""


def case_f32(runs):
    """Quantized tensors as float32, 1 GiB, against gguf.quants.dequantize; whole processes"""
    for kind, scales, goal in (("Q4_K", 4, "4.7"), ("Q8_0", 2, "2.8")):
        path = make(f"{kind}.gguf", WRITE.format(kind=kind, scales=scales))
        tell(f"{kind} as float32, 1 GiB", "arrayfs --cat, whole process", "gguf.quants.dequantize, tofile, whole process",
             compare(runs, lambda: timed(lambda: cat_to_file(path, ".arrayfs/f32/w")),
                     lambda: timed(lambda: run(PYTHON, "-c", DEQUANTIZE, path, OUT))), goal)
