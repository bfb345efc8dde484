/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/lazy.h"
#include "formats/shared/pickle.h"
#include "formats/shared/slice_map.h"

/*
 * What PyTorch's files, pickles and joblib's files share: a graph of Python values, made by the
 * machine of formats/shared/pickle.h, in which arrays are found and shown.
 *
 *	names.c      the names that mean something: `known` of a GLOBAL
 *	value.c      what a value is: an array, a container, a module, an object, or plain
 *	children.c   what a container holds
 *	keys.c       what that is called, and which keys of a dictionary are one
 *	graph.c      one pass over all of them: which hold arrays, how many names each tensor has
 *	named.c      the tensors that it met: which are one and the same
 *	tensor.c     tensors and storages: dtype, shape, strides, and where the bytes lie
 *	show.c       directories, filled at the first look
 *	json.c       plain values as JSON: attributes and the JSON view
 *
 *	torch.c      PyTorch's zip files, TorchScript    legacy.c   its older stream
 *	pt2.c        torch.export's files                ndarray.c  NumPy's arrays
 */

/* --- names.c ------------------------------------------------------------------------------ */

/*
 * PyTorch's types: its name, that of the array's elements, the bytes of one where numpy has no
 * name, and the class that typed storages have.
 *
 *	  name               dtype               width  storage
 */
#define TORCH_DTYPES(X)                                                                    \
	X("float32",         DTYPE_FLOAT32,        0, "FloatStorage")                      \
	X("float64",         DTYPE_FLOAT64,        0, "DoubleStorage")                     \
	X("float16",         DTYPE_FLOAT16,        0, "HalfStorage")                       \
	X("bfloat16",        DTYPE_BFLOAT16,       0, "BFloat16Storage")                   \
	X("int64",           DTYPE_INT64,          0, "LongStorage")                       \
	X("int32",           DTYPE_INT32,          0, "IntStorage")                        \
	X("int16",           DTYPE_INT16,          0, "ShortStorage")                      \
	X("int8",            DTYPE_INT8,           0, "CharStorage")                       \
	X("uint8",           DTYPE_UINT8,          0, "ByteStorage")                       \
	X("bool",            DTYPE_BOOL,           0, "BoolStorage")                       \
	X("complex64",       DTYPE_COMPLEX64,      0, "ComplexFloatStorage")               \
	X("complex128",      DTYPE_COMPLEX128,     0, "ComplexDoubleStorage")              \
	X("qint8",           DTYPE_INT8,           0, "QInt8Storage")                      \
	X("quint8",          DTYPE_UINT8,          0, "QUInt8Storage")                     \
	X("qint32",          DTYPE_INT32,          0, "QInt32Storage")                     \
	X("quint4x2",        DTYPE_VOID,           1, "QUInt4x2Storage")                   \
	X("quint2x4",        DTYPE_VOID,           1, "QUInt2x4Storage")                   \
	X("uint16",          DTYPE_UINT16,         0, "")                                  \
	X("uint32",          DTYPE_UINT32,         0, "")                                  \
	X("uint64",          DTYPE_UINT64,         0, "")                                  \
	X("complex32",       DTYPE_VOID,           4, "ComplexHalfStorage")                \
	X("float8_e4m3fn",   DTYPE_FLOAT8_E4M3FN,  0, "")                                  \
	X("float8_e4m3fnuz", DTYPE_FLOAT8_E4M3FNUZ, 0, "")                                 \
	X("float8_e5m2",     DTYPE_FLOAT8_E5M2,    0, "")                                  \
	X("float8_e5m2fnuz", DTYPE_FLOAT8_E5M2FNUZ, 0, "")                                 \
	X("float8_e8m0fnu",  DTYPE_FLOAT8_E8M0FNU, 0, "")                                  \
	X("float4_e2m1fn_x2", DTYPE_FLOAT4_E2M1FN, 0, "") /* two in a byte: the last dimension is doubled */ \
	X("bits8",           DTYPE_VOID,           1, "")                                  \
	X("bits16",          DTYPE_VOID,           2, "")                                  \
	X("bits1x8",         DTYPE_VOID,           1, "")                                  \
	X("bits2x4",         DTYPE_VOID,           1, "")                                  \
	X("bits4x2",         DTYPE_VOID,           1, "")                                  \
	X("int1",            DTYPE_VOID,           1, "")                                  \
	X("int2",            DTYPE_VOID,           1, "")                                  \
	X("int3",            DTYPE_VOID,           1, "")                                  \
	X("int4",            DTYPE_VOID,           1, "")                                  \
	X("int5",            DTYPE_VOID,           1, "")                                  \
	X("int6",            DTYPE_VOID,           1, "")                                  \
	X("int7",            DTYPE_VOID,           1, "")                                  \
	X("uint1",           DTYPE_VOID,           1, "")                                  \
	X("uint2",           DTYPE_VOID,           1, "")                                  \
	X("uint3",           DTYPE_VOID,           1, "")                                  \
	X("uint4",           DTYPE_VOID,           1, "")                                  \
	X("uint5",           DTYPE_VOID,           1, "")                                  \
	X("uint6",           DTYPE_VOID,           1, "")                                  \
	X("uint7",           DTYPE_VOID,           1, "")

/* The other names. `module`: a row for each module that has had it. */
#define TORCH_NAMES(X)                                                                     \
	X(TORCH_TENSOR,         "torch._utils", "_rebuild_tensor")                         \
	X(TORCH_TENSOR_V2,      "torch._utils", "_rebuild_tensor_v2")                      \
	X(TORCH_TENSOR_V3,      "torch._utils", "_rebuild_tensor_v3")                      \
	X(TORCH_QTENSOR,        "torch._utils", "_rebuild_qtensor")                        \
	X(TORCH_SPARSE,         "torch._utils", "_rebuild_sparse_tensor")                  \
	X(TORCH_SPARSE_CSR,     "torch._utils", "_rebuild_sparse_csr_tensor")              \
	X(TORCH_NESTED,         "torch._utils", "_rebuild_nested_tensor")                  \
	X(TORCH_META,           "torch._utils", "_rebuild_meta_tensor_no_storage")         \
	X(TORCH_FIRST,          "torch._utils", "_rebuild_parameter")                      \
	X(TORCH_FIRST,          "torch._utils", "_rebuild_parameter_with_state")           \
	X(TORCH_FIRST,          "torch._utils", "_rebuild_device_tensor_from_numpy")       \
	X(TORCH_FIRST,          "torch._utils", "_rebuild_device_tensor_from_cpu_tensor")  \
	X(TORCH_FIRST,          "torch._utils", "_rebuild_xla_tensor")                     \
	X(TORCH_FIRST,          "torch._utils", "_rebuild_ort_tensor")                     \
	X(TORCH_FIRST,          "torch.nn.parameter", "Parameter")                         \
	X(TORCH_FIRST,          "torch.nn.parameter", "Buffer")                            \
	X(TORCH_FIRST,          "torch.jit._pickle", "restore_type_tag")                   \
	X(TORCH_FIRST,          "torch.jit._pickle", "build_intlist")                      \
	X(TORCH_FIRST,          "torch.jit._pickle", "build_doublelist")                   \
	X(TORCH_FIRST,          "torch.jit._pickle", "build_boollist")                     \
	X(TORCH_FIRST,          "torch.jit._pickle", "build_tensorlist")                   \
	X(TORCH_CONSTANT,       "torch.jit._pickle", "build_tensor_from_id")               \
	X(TORCH_FROM_TYPE_V2,   "torch._tensor", "_rebuild_from_type_v2")                  \
	X(TORCH_FROM_TYPE,      "torch._tensor", "_rebuild_from_type")                     \
	X(TORCH_FROM_TYPE,      "torch.tensor", "_rebuild_from_type")                      \
	X(TORCH_WRAPPER,        "torch._utils", "_rebuild_wrapper_subclass")               \
	X(TORCH_LEGACY_BYTES,   "torch.storage", "_load_from_bytes")                       \
	X(TORCH_UNTYPED,        "torch.storage", "UntypedStorage")                         \
	X(TORCH_UNTYPED,        "torch", "UntypedStorage")                                 \
	X(TORCH_LAYOUT,         "torch.serialization", "_get_layout")                      \
	X(TORCH_DEVICE,         "torch", "device")                                         \
	X(TORCH_SEQUENCE,       "torch", "Size")                                           \
	X(TORCH_ORDERED_DICT,   "collections", "OrderedDict")                              \
	X(TORCH_DEFAULT_DICT,   "collections", "defaultdict")                              \
	X(TORCH_ORDERED_DICT,   "collections", "Counter")                                  \
	X(TORCH_SEQUENCE,       "collections", "deque")                                    \
	X(TORCH_ENCODE,         "_codecs", "encode")                                       \
	X(TORCH_BYTES,          "builtins", "bytes")                                       \
	X(TORCH_BYTES,          "__builtin__", "bytes")                                    \
	X(TORCH_BYTES,          "builtins", "bytearray")                                   \
	X(TORCH_BYTES,          "__builtin__", "bytearray")                                \
	X(TORCH_COMPLEX,        "builtins", "complex")                                     \
	X(TORCH_COMPLEX,        "__builtin__", "complex")                                  \
	X(TORCH_SEQUENCE,       "builtins", "set")                                         \
	X(TORCH_SEQUENCE,       "__builtin__", "set")                                      \
	X(TORCH_SEQUENCE,       "builtins", "frozenset")                                   \
	X(TORCH_SEQUENCE,       "__builtin__", "frozenset")                                \
	X(TORCH_SEQUENCE,       "builtins", "list")                                        \
	X(TORCH_SEQUENCE,       "builtins", "tuple")                                       \
	X(TORCH_ORDERED_DICT,   "builtins", "dict")                                        \
	X(TORCH_RECONSTRUCTOR,  "copyreg", "_reconstructor")                               \
	X(TORCH_RECONSTRUCTOR,  "copy_reg", "_reconstructor")                              \
	X(TORCH_ND_RECONSTRUCT, "numpy.core.multiarray", "_reconstruct")                   \
	X(TORCH_ND_RECONSTRUCT, "numpy._core.multiarray", "_reconstruct")                  \
	X(TORCH_ND_FROM_BUFFER, "numpy.core.numeric", "_frombuffer")                       \
	X(TORCH_ND_FROM_BUFFER, "numpy._core.numeric", "_frombuffer")                      \
	X(TORCH_ND_SCALAR,      "numpy.core.multiarray", "scalar")                         \
	X(TORCH_ND_SCALAR,      "numpy._core.multiarray", "scalar")                        \
	X(TORCH_ND_DTYPE,       "numpy", "dtype")                                          \
	X(TORCH_ND_ARRAY,       "numpy", "ndarray")                                        \
	X(TORCH_ND_STRINGS,     "numpy._core._internal", "_convert_to_stringdtype_kwargs") \
	X(TORCH_JOBLIB_WRAPPER, "joblib.numpy_pickle", "NumpyArrayWrapper")                \
	X(TORCH_JOBLIB_WRAPPER, "sklearn.externals.joblib.numpy_pickle", "NumpyArrayWrapper") \
	X(TORCH_DCP_METADATA,   "torch.distributed.checkpoint.metadata", "Metadata")

enum torch_known {
	TORCH_UNKNOWN,
	TORCH_DTYPE,        /* + the type's number: torch.float32 */
	TORCH_STORAGE = 64, /* likewise, its storage class */
	TORCH_NAMED = 128,
	TORCH_TENSOR, TORCH_TENSOR_V2, TORCH_TENSOR_V3, TORCH_QTENSOR, TORCH_SPARSE, TORCH_SPARSE_CSR, TORCH_NESTED, TORCH_META,
	TORCH_FIRST,         /* the first argument is the value */
	TORCH_CONSTANT, TORCH_FROM_TYPE_V2, TORCH_FROM_TYPE, TORCH_WRAPPER, TORCH_LEGACY_BYTES, TORCH_UNTYPED, TORCH_LAYOUT,
	TORCH_DEVICE, TORCH_SEQUENCE, TORCH_ORDERED_DICT, TORCH_DEFAULT_DICT, TORCH_ENCODE, TORCH_BYTES, TORCH_COMPLEX,
	TORCH_RECONSTRUCTOR, TORCH_ND_RECONSTRUCT, TORCH_ND_FROM_BUFFER, TORCH_ND_SCALAR, TORCH_ND_DTYPE, TORCH_ND_ARRAY,
	TORCH_ND_STRINGS, TORCH_JOBLIB_WRAPPER, TORCH_DCP_METADATA,
};

struct torch_dtype {
	const char *name; /* torch.float32: the archive's word */
	uint8_t dtype;    /* enum dtype */
	uint8_t width;    /* bytes of one as PyTorch counts, where that is VOID */
};

/* struct pickle's known(). */
uint16_t torch_known(struct slice module, struct slice name);

/* Of a TORCH_DTYPE or TORCH_STORAGE; NULL for any other. */
const struct torch_dtype *torch_dtype(uint16_t known);

/* --- a file ------------------------------------------------------------------------------- */

struct torch_file {
	struct archive *a;
	uint32_t source;     /* archive_source(): where it lies */
	struct arena *keep;  /* for all that is kept; must be the archive's, if it is shown */
	struct content data; /* the pickle's bytes */
	struct pickle pickle;
	bool big_endian;     /* its storages are */
	bool zipped;         /* its records have checksums */
	bool scripted;       /* TorchScript: objects are modules */
	bool cyclic;         /* a container holds itself: found by graph.c */
	bool tied;           /* some tensors have several names: by named.c */

	/* The bytes of the storage with that key.  -EBADMSG and a sentence: it is not there.  NULL:
	 * there are no storages. */
	int (*storage)(const struct torch_file *f, struct slice key, struct content *ret, struct error *err);
	void *storages; /* its own */

	const struct torch_dir *root; /* what the root shows; NULL: one value, `data` */

	uint64_t *fields; /* of NumPy's records, read so far: dtype.c */

	/* By named.c: the tensors, as they were met, and a hash table of the first of each hash: those of one are one. */
	struct torch_named {
		uint64_t hash;
		const struct array *array; /* of one that is so many bytes of the source as they stand; else NULL */
		uint64_t offset;
		uint32_t source, links;
	} *named[24]; /* named[k] has room for 64 << k, so that none moves */
	uint32_t nnamed, mask;
	struct torch_slot *slots;
};

/* From number 0 on. */
static inline struct torch_named *torch_named(const struct torch_file *f, uint32_t number)
{
	unsigned k = 25u - (unsigned)__builtin_clz(number + 64);
	return &f->named[k][number + 64 - (64u << k)];
}

/* The number of the first tensor with that hash, its ordinal; or UINT32_MAX. */
uint32_t torch_find_named(const struct torch_file *f, uint64_t hash);

/* Shows the pickle's root as the tree's root: the graph is looked through, and the root filled.
 * -ENOTSUP and no sentence if it holds no array and `arrays` is true. */
int torch_show(struct torch_file *f, bool arrays, struct error *err);

/* struct format's functions, for a->priv == struct torch_file. */
int torch_list(struct archive *a, uint32_t dir, struct error *err);
int torch_attrs(struct archive *a, uint32_t index, const struct node *n, attrs_each *each, void *arg, struct error *err);
void torch_overview(struct archive *a, struct overview *ret);
int torch_details(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err);
uint64_t torch_same(const struct archive *a, uint32_t index);
uint64_t torch_identity(const struct archive *a, uint32_t index, const struct node *n);
uint32_t torch_ordinal(const struct archive *a, uint32_t index, const struct node *n);

/* --- value.c ------------------------------------------------------------------------------ */

enum torch_meaning {
	TORCH_PLAIN,     /* a value: an attribute */
	TORCH_ARRAY,     /* a file; of NumPy's also a directory of fields */
	TORCH_PARTS,     /* a tensor that is several: sparse, quantized, nested */
	TORCH_CONTAINER, /* dictionary, list, tuple, set */
	TORCH_MODULE,    /* its names are joined by dots */
	TORCH_OBJECT,
};

/* What the value is; *node is moved from wrappers (Parameter …) to what they wrap. */
enum torch_meaning torch_meaning(const struct torch_file *f, uint32_t *node);

/* What a CALL calls: through _rebuild_from_type(), the function given to that. */
struct torch_called {
	uint16_t known; /* of the callable; 0 if the node is no CALL */
	uint32_t args;  /* a TUPLE, or 0 */
	uint32_t state; /* what is then set: of that function, or of BUILD; or 0 */
};
struct torch_called torch_called_from_type(const struct torch_file *f, uint32_t given); /* private */

static inline const struct pickle_node *torch_node(const struct torch_file *f, uint32_t node)
{
	return pickle_node(&f->pickle, node);
}

/* The i-th item of a TUPLE; 0 if it has fewer. */
static inline uint32_t torch_item(const struct torch_file *f, uint32_t tuple, uint32_t i)
{
	const struct pickle_node *n = tuple ? torch_node(f, tuple) : NULL;
	return n && i < n->count ? pickle_tuple(n)[i] : 0;
}

static inline struct torch_called torch_called(const struct torch_file *f, const struct pickle_node *n)
{
	if (n->kind != PICKLE_CALL)
		return (struct torch_called){0};
	if (n->known == TORCH_FROM_TYPE_V2 || n->known == TORCH_FROM_TYPE)
		return torch_called_from_type(f, n->call->args);
	return (struct torch_called){n->known, n->call->args, n->call->state};
}

/* The i-th argument; 0 if there are fewer. */
static inline uint32_t torch_arg(const struct torch_file *f, const struct torch_called *c, uint32_t i)
{
	return torch_item(f, c->args, i);
}

/* Is it that text? */
bool torch_is_text(const struct torch_file *f, uint32_t node, const char *text);

/* The value of a dictionary's text key, the last one; 0 if it has none. */
uint32_t torch_entry(const struct torch_file *f, uint32_t dict, const char *key);

/* --- children.c --------------------------------------------------------------------------- */

struct torch_child {
	uint32_t node;
	uint32_t key;     /* a node: the key of a dictionary; 0: not one */
	uint64_t index;   /* of a list */
	const char *word; /* "args", for example; or NULL */
	bool integers;    /* of a quantized tensor: itself, as the integers that it has */
};

/* Walks what a container, module or object holds, in order. */
struct torch_children {
	struct torch_part {
		enum torch_part_kind { PART_PAIRS, PART_LISTED_PAIRS, PART_ITEMS, PART_ONE } kind;
		struct pickle_walk walk;
		struct torch_child one;
	} parts[8];
	const struct torch_file *f;
	unsigned count, at;
	uint64_t index;
};
struct torch_children torch_children(const struct torch_file *f, uint32_t node);
bool torch_next(struct torch_children *c, struct torch_child *ret);

/* --- keys.c ------------------------------------------------------------------------------- */

/* What the child is called: Python's repr of keys that are no strings. From the arena, or the
 * pickle. */
int torch_child_name(const struct torch_file *f, const struct torch_child *c, struct arena *arena, struct slice *ret,
		     struct error *err);

/* A word that two keys of a dictionary share if they are equal to Python, and no others do; of objects,
 * sets and what is huge, each is only equal to itself.  From the arena. */
int torch_same_key(const struct torch_file *f, uint32_t key, struct arena *arena, struct slice *ret, struct error *err);

/* Appends a number as Python prints it; a global as module.name. */
void torch_put_float(double value, struct text *ret);
void torch_put_quoted(struct slice s, struct text *ret); /* as Python's repr() of a str */
void torch_put_global(const struct torch_file *f, const struct pickle_node *n, struct text *ret);

/* --- tensor.c ------------------------------------------------------------------------------ */

struct torch_tensor {
	struct array array;      /* its shape is `shape`, or in the arena that was given */
	const uint64_t *shape;   /* as stored: where two elements share a byte, the array's is twice that */
	const uint64_t *strides; /* likewise, in elements */
	uint32_t rank;
	uint32_t width;          /* bytes of an element as stored */
	struct content bytes;    /* of its storage */
	uint64_t offset;         /* into these, in bytes */
	bool conj, neg;
	uint64_t hash;           /* of tensors that are one file, the same */
};

/* A tensor that is one file (of a quantized one, its integers), a storage, or bytes.
 * -EBADMSG and a sentence: it can be listed and not be read; ret->array says what is known.  -ENOTSUP:
 * so the whole file. */
int torch_tensor(const struct torch_file *f, uint32_t node, struct arena *arena, struct torch_tensor *ret, struct error *err);

/* The numbers of a size or of strides; `what` it is, for the sentence. */
int torch_extents(const struct torch_file *f, uint32_t node, const char *what, struct arena *arena, uint64_t **ret, uint32_t *ret_rank,
		  struct error *err);

/* "torch.sparse_coo", of a layout; "" if it is none. */
void torch_layout(const struct torch_file *f, uint32_t node, char ret[64]);

/* Adds it: a range, a lazy file or a fault. */
int torch_add_tensor(const struct torch_file *f, uint32_t parent, struct slice name, uint32_t node, uint32_t *ret,
		     struct error *err);

/* The hash of a tensor that is shown as this node. */
uint64_t torch_node_hash(const struct archive *a, const struct node *n);

/* --- ndarray.c ----------------------------------------------------------------------------- */

enum torch_nd {
	TORCH_ND_NONE,    /* no array of NumPy */
	TORCH_ND_FILE,    /* a file, a directory of fields, or a fault */
	TORCH_ND_OBJECTS, /* an array of objects: *items are its elements */
	TORCH_ND_VALUE,   /* a scalar that is a value */
};
enum torch_nd torch_nd(const struct torch_file *f, uint32_t node, uint32_t *items);

/* Adds a TORCH_ND_FILE. */
int torch_add_nd(const struct torch_file *f, uint32_t parent, struct slice name, uint32_t node, uint32_t *ret, struct error *err);

/* Appends a TORCH_ND_VALUE as JSON; a string that is not to be quoted, as it stands. */
int torch_put_nd(const struct torch_file *f, uint32_t node, bool quoted, struct text *ret, struct error *err);
bool torch_nd_is_string(const struct torch_file *f, uint32_t node);

/* --- json.c --------------------------------------------------------------------------------- */

/* Appends a plain value: *ret_json is false for text, which stands as it is. */
int torch_put_value(const struct torch_file *f, uint32_t node, struct text *ret, bool *ret_json, struct error *err);
