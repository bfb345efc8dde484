#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""TensorFlow Lite models, beside what LiteRT's own schema classes and its interpreter say of them: every tensor's name, type, shape,
bytes and quantization."""
import glob
import io
import json
import os
import random
import struct
import sys
import zipfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import arrayfs, check, done, folder, listed, need, sampled  # noqa: E402

np, ml_dtypes, _, _ = need("numpy", "ml_dtypes", "flatbuffers", "ai_edge_litert.schema_py_generated")
import tflite_model as M  # noqa: E402


def cat(path, name, code=0):
    return arrayfs("--cat", path, name, code=code, text=False).stdout


def same_floats(told, values):
    return [float(np.float32(v)) for v in told] == [float(v) for v in values]


def compare_tensor(path, o, all_of_it, name, word, shape, data, attributes):
    what = f"{path}: {name}: {o}"
    if o["dtype"] == "sparse":  # it has a check of its own
        assert cat(path, name + "/values") == data, what
        return
    assert o["type"] == word and (o["shape"] == shape or word == "RESOURCE"), what
    told = o.get("attributes", {})
    for key, values in attributes.items():
        own = told[key]
        assert same_floats(own, values) if key in ("scale", "min", "max") else own == (values if isinstance(values, int) else values.tolist()), what
    assert len(told) == len(attributes), what
    if word != "STRING":
        assert o["dtype"] == M.DTYPES[word] and cat(path, name) == data, what
        return
    n = int(np.prod(shape, dtype=np.int64))
    offsets = np.array(struct.unpack_from(f"<{n + 1}i", data, 4))
    assert o["dtype"] == "string", what
    assert cat(path, name + "/offsets") == (offsets - offsets[0]).astype("<i8").tobytes(), what
    assert cat(path, name + "/values") == data[offsets[0]:offsets[-1]], what


def compare(path):
    content, paths = open(path, "rb").read(), {}
    told = {o["path"]: o for o in listed(path, inner=True)}
    count = 0
    for name, word, shape, data, attributes in M.expected(content):
        paths[name] = paths.get(name, 0) + 1
        name += f"~{paths[name]}" if paths[name] > 1 else ""
        compare_tensor(path, told[name], told, name, word, shape, data, attributes)
        count += 1
    shown = [o for o in told.values() if o.get("type") and told.get(os.path.dirname(o["path"]), {}).get("dtype") != "sparse"]
    assert len(shown) == count, f"{path}: {len(shown)} tensors, not {count}"
    for i in range((m := M.schema.Model.GetRootAs(content, 0)).MetadataLength()):
        name = M.text(m.Metadata(i).Name())
        assert cat(path, "metadata/" + name) == M.stored(content, m, m.Metadata(i).Buffer()), name
        if name == "min_runtime_version":
            assert told[""]["attributes"][name] == M.stored(content, m, m.Metadata(i).Buffer()).rstrip(b"\0").decode(), told[""]
    return count


def test_random(seed, where):
    rng = random.Random(seed)
    total = 0
    for i in sampled(range(40)):
        path = where / f"{seed}-{i}.tflite"
        path.write_bytes(M.random_model(rng))
        total += compare(path)
    assert total, "no tensors at all"


def interpreted(content):
    from ai_edge_litert.interpreter import Interpreter
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    return {d["name"]: (interpreter.get_tensor(d["index"]), d) for d in interpreter.get_tensor_details()}


def computed(content):
    from ai_edge_litert.interpreter import Interpreter, OpResolverType
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def refused(path, content, sentence):
    path.write_bytes(content)
    said = arrayfs("--list", path, code=1, text=True).stderr
    assert sentence in said, f"{said!r} does not say {sentence!r}"


def broken(path, content, name, sentence, below=""):
    path.write_bytes(content)
    o = {o["path"]: o for o in listed(path, inner=True)}[name + below]
    assert sentence in o.get("error", ""), o
    arrayfs("--cat", path, name + below, code=1)


def plain(*tensors, buffers=(b"\1\2\3\4",), **more):
    return M.model([M.graph(list(tensors))], [M.buffer(), *(b if isinstance(b, M.schema.BufferT) else M.buffer(b) for b in buffers)], **more)


def sparse_example(values=(1, 2, 3, 4), segments=(0, 2, 4), indices=(0, 2, 1, 3), widths=(4, 4)):
    """[[1 0 2 0] [0 3 0 4]], rows dense, columns compressed."""
    s = M.sparsity([0, 1], [], [M.dimension(2), M.dimension(segments=segments, indices=indices, widths=widths)])
    return plain(M.tensor("w", "FLOAT32", [2, 4], 1, sparsity=s), buffers=[np.array(values, "<f4").tobytes()])


with folder() as where:
    with check("every fixture is what the schema's classes say"):
        fixtures = sorted(glob.glob(os.environ["TEST_DATA"] + "/tflite/*.tflite"))
        assert len(fixtures) >= 5 and sum(compare(p) for p in fixtures) > 20, fixtures

    for seed in (1, 2):
        with check(f"models at random, seed {seed}"):
            test_random(seed, where)

    with check("constants are what the interpreter gets"):
        words = ["FLOAT32", "FLOAT16", "INT32", "INT64", "INT16", "UINT8", "INT8", "BOOL", "FLOAT64", "COMPLEX64", "UINT32", "UINT64", "UINT16"]
        arrays = {w: np.arange(6).reshape(2, 3).astype(w.lower()) for w in words}
        buffers = [M.buffer()] + [M.buffer(a.tobytes()) for a in arrays.values()]
        content = M.model([M.graph([M.tensor(w, w, [2, 3], i + 1) for i, w in enumerate(words)], "main", [], list(range(len(words))))], buffers)
        (where / "all.tflite").write_bytes(content)
        for w, (value, _) in interpreted(content).items():
            assert cat(where / "all.tflite", w) == value.tobytes() == arrays[w].tobytes(), w

    with check("values as float32 are what LiteRT's reference DEQUANTIZE makes"):
        rng = np.random.default_rng(3)
        for word, low, high, q in (("INT8", -128, 128, M.quantization([0.0371], [-5])), ("UINT8", 0, 256, M.quantization([0.0123], [130])),
                                   ("INT16", -32768, 32768, M.quantization([3.1e-5], [0])),
                                   ("INT8", -128, 128, M.quantization([0.1, 0.07, 1.3e-3], [0, 0, 0], 0))):
            stored = rng.integers(low, high, (3, 40)).astype(word.lower())
            operator, code = M.schema.OperatorT(), M.schema.OperatorCodeT()
            operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0], [1]
            code.deprecatedBuiltinCode = code.builtinCode = M.schema.BuiltinOperator.DEQUANTIZE
            code.version = 3
            content = M.model([M.graph([M.tensor("w", word, [3, 40], 1, q), M.tensor("out", "FLOAT32", [3, 40], 0)], "main", [], [1], [operator])],
                              [M.buffer(), M.buffer(stored.tobytes())], codes=[code])
            path = where / "dequantize.tflite"
            path.write_bytes(content)
            assert cat(path, ".arrayfs/f32/w") == computed(content).astype("<f4").tobytes(), (word, q.scale)

    with check("what is packed stays packed, little end first"):
        content = plain(M.tensor("a", "INT4", [3], 1), M.tensor("b", "INT2", [5], 2), buffers=[b"\x21\x03", b"\xe4\x01"])
        (where / "p.tflite").write_bytes(content)
        assert cat(where / "p.tflite", "a") == b"\x21\x03" and cat(where / "p.tflite", "b") == b"\xe4\x01"
        assert interpreted(plain(M.tensor("a", "INT4", [3], 1), buffers=[b"\x21\x03"]))["a"][0].tolist() == [1, 2, 3]

    with check("bytes may lie behind the flatbuffer"):
        weights = np.arange(8, dtype="<f4").tobytes()
        size = len(plain(M.tensor("w", "FLOAT32", [8], 1), buffers=[M.buffer(None, 1 << 40, 32)]))
        for at in (size + 5, (3 << 30) + 7):
            path = where / "large.tflite"
            with open(path, "wb") as f:
                f.write(plain(M.tensor("w", "FLOAT32", [8], 1), buffers=[M.buffer(None, at, 32)]))
                f.seek(at)
                f.write(weights)
            assert cat(path, "w") == weights
            path.unlink()
        words = M.strings([b"ab", b"cde"])
        with open(path, "wb") as f:
            f.write(plain(M.tensor("s", "STRING", [2], 1), buffers=[M.buffer(None, at, len(words))]))
            f.seek(at)
            f.write(words)
        assert cat(path, "s/values") == b"abcde" and np.frombuffer(cat(path, "s/offsets"), "<i8").tolist() == [0, 2, 5]
        path.unlink()
        broken(where / "o.tflite", plain(M.tensor("w", "FLOAT32", [8], 1), buffers=[M.buffer(None, 1 << 40, 32)]), "w", "not within the file")
        (where / "one.tflite").write_bytes(plain(M.tensor("w", "FLOAT32", [8], 1), buffers=[M.buffer(None, 1, 32)]))
        assert not [o for o in listed(where / "one.tflite") if o["path"]]

    with check("a sparse tensor is its values, segments and indices"):
        path = where / "s.tflite"
        for widths in ((4, 4), (2, 1), (1, 2)):
            path.write_bytes(sparse_example(widths=widths))
            told = {o["path"]: o for o in listed(path, inner=True)}
            assert told["w"]["dtype"] == "sparse" and told["w"]["shape"] == [2, 4] and told["w"]["attributes"]["traversal_order"] == [0, 1]
            assert np.frombuffer(cat(path, "w/values"), "<f4").tolist() == [1, 2, 3, 4] and told["w/values"]["shape"] == [4]
            for name, width, values in (("segments", widths[0], [0, 2, 4]), ("indices", widths[1], [0, 2, 1, 3])):
                dtype = {4: "int32", 2: "uint16", 1: "uint8"}[width]
                assert told[f"w/dim_1/{name}"]["dtype"] == dtype, told
                assert np.frombuffer(cat(path, f"w/dim_1/{name}"), dtype).tolist() == values
            assert "w/dim_0" not in told
        broken(path, sparse_example(values=(1, 2, 3)), "w", "not as many", "/values")
        broken(path, sparse_example(segments=(0, 2, 5)), "w", "not as many", "/values")
        broken(path, sparse_example(segments=(0, 4)), "w", "not as many", "/values")

    with check("a zip behind the model is its associated files"):
        path, content = where / "z.tflite", plain(M.tensor("w", "UINT8", [4], 1))
        with open(path, "wb") as f:
            f.write(content)
        with zipfile.ZipFile(path, "a") as z:
            z.writestr("labels.txt", "cat\ndog\n")
            z.writestr("vocab/words.txt", "a" * 5000, zipfile.ZIP_DEFLATED)
        assert cat(path, "associated_files/labels.txt") == b"cat\ndog\n" and cat(path, "associated_files/vocab/words.txt") == b"a" * 5000
        assert cat(path, "w") == b"\1\2\3\4"

    with check("a zip that is broken takes nothing from the model"):
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w") as z:
            z.writestr("a.txt", "a")
            z.writestr("b.txt", "b")
        whole = whole.getvalue()
        for bad, sentence in ((whole.replace(b"PK\1\2", b"XX\1\2", 1), "entry 1 of 2"), (whole.replace(b"b.txt", b"a.txt"), "two members")):
            broken(path, content + bad, "associated_files", sentence)
            assert cat(path, "w") == b"\1\2\3\4"

    with check("thousands of subgraphs are no more than their tensors"):
        count = 20000
        (where / "many.tflite").write_bytes(M.model([M.graph([M.tensor("t", "UINT8", [4], 1)]) for _ in range(count)], [M.buffer(), M.buffer(b"1234")]))
        assert [o["path"] for o in listed(where / "many.tflite") if o["kind"] == "file"] == ["t", *(f"{i}/t" for i in range(1, count))]

    with check("a subgraph's own name is told where it is shown by another"):
        (where / "n.tflite").write_bytes(M.model([M.graph([]), M.graph([M.tensor("t", "UINT8", [4], 1)], "a\1b")], [M.buffer(), M.buffer(b"1234")]))
        assert {o["path"]: o for o in listed(where / "n.tflite", inner=True)}["a%01b"]["name"] == "a\1b"

    with check("what is not as it should be is one tensor's fault"):
        path, good = where / "b.tflite", M.tensor("good", "UINT8", [4], 1)
        for t, sentence in ((M.tensor("t", "FLOAT32", [2], 1), "4 bytes"), (M.tensor("t", "INT4", [7], 2), "3 bytes"), (M.tensor("t", "UINT8", [-4], 1), "negative"),
                            (M.tensor("t", "UINT8", [2**30] * 4, 1), "4 bytes"), (M.tensor("t", "UINT8", [4], 9), "not within"),
                            (M.tensor("t", "UINT8", [1] * 65, 1), "64 dimensions"), (M.tensor("t", "UINT8", [4], 1, external=1), "another file"),
                            (M.tensor("t", "STRING", [1], 1), "number of its strings")):
            broken(path, plain(good, t, buffers=[b"\1\2\3\4", b"\1\2\3"]), "t", sentence)
            assert cat(path, "good") == b"\1\2\3\4"
        for word in (13, 14, 99):
            path.write_bytes(plain(M.tensor("t", word, [3, 3], 1)))
            o = {o["path"]: o for o in listed(path)}["t"]
            assert (o["dtype"], o["shape"], o["type"]) == ("uint8", [4], M.TYPES.get(word, str(word))) and cat(path, "t") == b"\1\2\3\4", o

    with check("strings that are not within their buffer"):
        path = where / "w.tflite"
        for data, sentence in ((struct.pack("<4i", 2, 16, 18, 20) + b"abcd", None), (struct.pack("<4i", 2, 16, 22, 20) + b"abcd", "at 22"),
                               (struct.pack("<4i", 2, 16, 18, 21) + b"abcd", "not within its buffer"), (struct.pack("<4i", 2, 12, 18, 20) + b"abcd", "not within its buffer"),
                               (struct.pack("<2i", 2, 16), "not within its buffer"), (b"\2\0", "number of its strings"),
                               (struct.pack("<2i", -1, 8), "number of its strings")):
            path.write_bytes(plain(M.tensor("t", "STRING", [2], 1), buffers=[data]))
            if sentence is None:
                assert cat(path, "t/values") == b"abcd" and np.frombuffer(cat(path, "t/offsets"), "<i8").tolist() == [0, 2, 4]
            elif sentence == "at 22":
                assert cat(path, "t/values") == b"abcd"
                assert sentence in arrayfs("--cat", path, "t/offsets", code=1, text=True).stderr
            else:
                broken(path, path.read_bytes(), "t", sentence)

    with check("models that are refused"):
        marked = plain(M.tensor("w", "UINT8", [4], 1))
        refused(where / "m.tflite", marked[:4] + b"TFL2" + marked[8:], "no TFL3 at byte 4")
        refused(where / "v.tflite", plain(M.tensor("w", "UINT8", [4], 1), version=2), "schema version 2, where 3 is read")
        content = plain(M.tensor("w", "UINT8", [4], 1))
        for at in range(8, len(content) - 4, 4):  # offsets that lead anywhere: refused, or the same as before
            path = where / "x.tflite"
            path.write_bytes(content[:at] + b"\xff\xff\xff\x7f" + content[at + 4:])
            assert arrayfs("--list", path, code=None).returncode in (0, 1), at

    with check("the JSON view tells what is computed, and how"):
        path = where / "j.tflite"
        codes = [M.schema.OperatorCodeT() for _ in range(3)]
        codes[0].deprecatedBuiltinCode, codes[0].builtinCode = 127, 150  # BITCAST's number is beyond the older field
        codes[1].deprecatedBuiltinCode = codes[1].builtinCode = 32
        codes[1].customCode = "Mine"
        operators = []
        for code in (0, 1, 0):
            operators.append(M.schema.OperatorT())
            operators[-1].opcodeIndex = code
        signature = M.schema.SignatureDefT()
        signature.signatureKey, signature.inputs, signature.outputs = "serving_default", [M.schema.TensorMapT()], []
        signature.inputs[0].name, signature.inputs[0].tensorIndex = "x", 1
        path.write_bytes(M.model([M.graph([M.tensor("w", "UINT8", [4], 1), M.tensor("x", "FLOAT32", [1, 3], 0, signature=[-1, 3])], "main", [1], [1], operators)],
                                 [M.buffer(), M.buffer(b"\1\2\3\4")], codes=codes, signatures=[signature]))
        told = json.loads(arrayfs("--cat", path, ".arrayfs/archive.json").stdout)
        names = {v: k for k, v in vars(M.schema.BuiltinOperator).items() if isinstance(v, int)}
        assert told["signatures"] == [{"key": "serving_default", "subgraph": 0, "inputs": [{"name": "x", "tensor": 1}], "outputs": []}], told
        main, = told["subgraphs"]
        assert main["operators"] == [{"name": names[150], "count": 2}, {"name": "Mine", "count": 1}], told
        assert main["inputs"] == [1] and main["tensors"][1] == {"name": "x", "type": "FLOAT32", "shape": [1, 3], "shape_signature": [-1, 3], "buffer": 0}, told

    with check("the JSON view tells where the scales of blocks are"):
        blocks = M.quantization()
        blocks.detailsType, blocks.details = M.schema.QuantizationDetails.BlockwiseQuantization, M.schema.BlockwiseQuantizationT()
        blocks.details.scales, blocks.details.zeroPoints, blocks.details.blockSize = 1, -1, 32
        path.write_bytes(plain(M.tensor("w", "INT4", [8], 1, blocks), M.tensor("s", "FLOAT16", [2], 1)))
        told = json.loads(arrayfs("--cat", path, ".arrayfs/archive.json").stdout)
        assert told["subgraphs"][0]["tensors"][0]["quantization"] == {"kind": "blockwise", "scales": 1, "zero_points": -1, "block_size": 32}, told

    with check("a name that thousands of tensors share is not told thousands of times"):
        b = M.flatbuffers.Builder(1 << 18)
        name = b.CreateString("n" * 100000)
        M.schema.BufferStart(b)
        buffers = M.vector_of(b, [M.schema.BufferEnd(b)])
        M.schema.TensorStart(b)
        M.schema.TensorAddName(b, name)
        tensors = M.vector_of(b, [M.schema.TensorEnd(b)] * 5000)
        M.schema.SubGraphStart(b)
        M.schema.SubGraphAddTensors(b, tensors)
        graphs = M.vector_of(b, [M.schema.SubGraphEnd(b)])
        M.schema.ModelStart(b)
        M.schema.ModelAddVersion(b, 3)
        M.schema.ModelAddBuffers(b, buffers)
        M.schema.ModelAddSubgraphs(b, graphs)
        b.Finish(M.schema.ModelEnd(b), b"TFL3")
        path.write_bytes(bytes(b.Output()))
        assert len(arrayfs("--list", "--json", path, code=None).stdout) < 1 << 20
done()
