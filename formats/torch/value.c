/* SPDX-License-Identifier: MIT */
#include "formats/torch/torch.h"

#include "fs/base/name.h"

enum {
	WRAPPERS_MAX = 16, /* one within the other */
	TEXT_MAX = 1 << 20, /* a str of Python 2 that is longer is taken for bytes */
	WORD_MAX = 256,
};

/* marks of an object's state that was looked at */
enum { LOOKED = 1 << 6, MODULE = 1 << 7 };

/* (function, type, arguments, state) */
struct torch_called torch_called_from_type(const struct torch_file *f, uint32_t given)
{
	uint32_t function = torch_item(f, given, 0), args = torch_item(f, given, 2);
	const struct pickle_node *callable = torch_node(f, function);
	return (struct torch_called){
		.known = function && callable->kind == PICKLE_GLOBAL ? callable->known : 0,
		.args = args && torch_node(f, args)->kind == PICKLE_TUPLE ? args : 0,
		.state = torch_item(f, given, 3),
	};
}

static bool is_text(const struct pickle_node *n)
{
	return n->kind == PICKLE_TEXT || n->kind == PICKLE_STR;
}

/* Short text, without allocating; false if it is none. */
static bool short_text(const struct torch_file *f, uint32_t node, uint8_t buf[WORD_MAX], struct slice *ret)
{
	const struct pickle_node *n = torch_node(f, node);
	struct arena none = {0};
	struct content bytes;
	if (!node || !is_text(n) || pickle_size(n) > WORD_MAX)
		return false;
	if (pickle_text(&f->pickle, n, &none, WORD_MAX, ret, NULL) == 0) /* it is at hand */
		return true;
	*ret = (struct slice){buf, (size_t)pickle_size(n)};
	return pickle_bytes(&f->pickle, n, &bytes) && content_read(f->a, &bytes, 0, ret->len, buf, NULL, NULL) == 0;
}

bool torch_is_text(const struct torch_file *f, uint32_t node, const char *text)
{
	uint8_t buf[WORD_MAX];
	struct slice s;
	const struct pickle_node *n = torch_node(f, node); /* of numbers, pickle_size() means nothing */
	return node && is_text(n) && pickle_size(n) == strlen(text) && short_text(f, node, buf, &s) && slice_equal(s, slice_text(text));
}

uint32_t torch_entry(const struct torch_file *f, uint32_t dict, const char *key)
{
	const struct pickle_node *n = torch_node(f, dict);
	if (!dict || n->kind != PICKLE_DICT)
		return 0;
	struct pickle_walk w = pickle_items(n);
	uint32_t k, value, found = 0;
	while (pickle_next(&w, &k) && pickle_next(&w, &value))
		if (torch_is_text(f, k, key))
			found = value;
	return found;
}

static bool is_container(const struct torch_file *f, uint32_t node)
{
	uint32_t inner = node;
	return node && torch_meaning(f, &inner) == TORCH_CONTAINER;
}

/* A torch.nn.Module by what it has, since its class is anybody's. */
static bool looks_like_module(const struct torch_file *f, const struct pickle_node *n)
{
	uint32_t state = n->call->state;
	return state && is_container(f, torch_entry(f, state, "_parameters")) && is_container(f, torch_entry(f, state, "_modules"));
}

/* That is looked up once for each state, while the file is opened: many objects may have the same. */
static enum torch_meaning object_meaning(const struct torch_file *f, uint32_t node)
{
	const struct pickle_node *n = torch_node(f, node);
	struct pickle_node *state = pickle_node(&f->pickle, n->call->state);
	if (!n->call->state || f->scripted)
		return n->call->state ? TORCH_MODULE : TORCH_OBJECT;
	if (!(state->marks & LOOKED))
		state->marks |= (uint8_t)(LOOKED | (looks_like_module(f, n) ? MODULE : 0));
	return state->marks & MODULE ? TORCH_MODULE : TORCH_OBJECT;
}

static enum torch_meaning str_meaning(const struct torch_file *f, const struct pickle_node *n)
{
	struct arena scratch = arena_apart(&f->a->arena);
	struct slice s;
	bool text = pickle_text(&f->pickle, n, &scratch, TEXT_MAX, &s, NULL) == 0 && utf8_valid(s);
	arena_free(&scratch);
	return text ? TORCH_PLAIN : TORCH_ARRAY;
}

/* A storage, unless it is a class that was saved with its source. */
static enum torch_meaning persistent_meaning(const struct torch_file *f, const struct pickle_node *n)
{
	const struct pickle_node *id = torch_node(f, n->pair[0]);
	bool module = id->kind == PICKLE_TUPLE && id->count > 0 && torch_is_text(f, pickle_item(id, 0), "module");
	return f->storage && !module ? TORCH_ARRAY : TORCH_PLAIN;
}

/* TORCH_ND_OBJECTS: the list of its elements. */
static enum torch_meaning numpy_meaning(const struct torch_file *f, uint32_t *node)
{
	uint32_t items;
	switch (torch_nd(f, *node, &items)) {
	case TORCH_ND_FILE:
		return TORCH_ARRAY;
	case TORCH_ND_VALUE:
		return TORCH_PLAIN;
	case TORCH_ND_OBJECTS:
		*node = items;
		return TORCH_CONTAINER;
	case TORCH_ND_NONE:
		break;
	}
	return object_meaning(f, *node);
}

/* *node moves on if it is a wrapper; then TORCH_OBJECT is not meant. */
static enum torch_meaning call_meaning(const struct torch_file *f, uint32_t *node, bool *ret_again)
{
	struct torch_called c = torch_called(f, torch_node(f, *node));
	switch (c.known) {
	case TORCH_TENSOR:
	case TORCH_TENSOR_V2:
	case TORCH_TENSOR_V3:
	case TORCH_META:
	case TORCH_LEGACY_BYTES:
	case TORCH_ENCODE:
	case TORCH_BYTES:
		return TORCH_ARRAY;
	case TORCH_QTENSOR:
	case TORCH_SPARSE:
	case TORCH_SPARSE_CSR:
	case TORCH_NESTED:
		return TORCH_PARTS;
	case TORCH_FIRST:
		*ret_again = torch_arg(f, &c, 0) != 0;
		*node = *ret_again ? torch_arg(f, &c, 0) : *node;
		return TORCH_PLAIN;
	case TORCH_SEQUENCE:
	case TORCH_ORDERED_DICT:
	case TORCH_DEFAULT_DICT:
		return TORCH_CONTAINER;
	case TORCH_LAYOUT:
	case TORCH_DEVICE:
	case TORCH_COMPLEX:
	case TORCH_ND_DTYPE:
		return TORCH_PLAIN;
	case TORCH_ND_RECONSTRUCT:
	case TORCH_ND_FROM_BUFFER:
	case TORCH_ND_SCALAR:
	case TORCH_JOBLIB_WRAPPER:
	case TORCH_RECONSTRUCTOR: /* of such a wrapper, in protocols 0 and 1 */
		return numpy_meaning(f, node);
	default:
		return object_meaning(f, *node);
	}
}

enum torch_meaning torch_meaning(const struct torch_file *f, uint32_t *node)
{
	for (unsigned i = 0; i < WRAPPERS_MAX; i++) {
		const struct pickle_node *n = torch_node(f, *node);
		bool again = false;
		enum torch_meaning meaning = TORCH_PLAIN;
		switch (n->kind) {
		case PICKLE_BYTES:
		case PICKLE_BYTEARRAY:
		case PICKLE_BUFFER:
			return TORCH_ARRAY;
		case PICKLE_STR:
			return str_meaning(f, n);
		case PICKLE_TUPLE:
		case PICKLE_LIST:
		case PICKLE_SET:
		case PICKLE_FROZENSET:
		case PICKLE_DICT:
			return TORCH_CONTAINER;
		case PICKLE_PERSISTENT:
			return persistent_meaning(f, n);
		case PICKLE_CALL:
			meaning = call_meaning(f, node, &again);
			break;
		default:
			break;
		}
		if (!again)
			return meaning;
	}
	return TORCH_PLAIN;
}
