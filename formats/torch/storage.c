/* SPDX-License-Identifier: MIT */
/*
 * Where the bytes of storages lie, and other bytes that stand in a pickle.
 *
 *	('storage', class, key, location, elements)           in a zip: a record
 *	('storage', class, key, location, elements, view)     in the older stream
 *	_load_from_bytes(bytes)                               in a plain pickle: such a stream
 *	bytes, bytearray, _codecs.encode(text, 'latin1')
 */
#include "formats/torch/storage.h"

#include <inttypes.h>

enum { KEY_MAX = 4096, SHOWN = 100, HERE_MAX = 64 << 20 };

static int text_here(const struct torch_file *f, const struct pickle_node *text, uint64_t most, struct arena *arena, struct slice *ret,
		     struct error *err)
{
	struct arena scratch = arena_apart(&f->a->arena);
	struct slice latin1;
	int r = pickle_text(&f->pickle, text, &scratch, most, &latin1, err);
	uint8_t *bytes = r == 0 ? arena_alloc(arena, latin1.len + 1) : NULL;
	*ret = (struct slice){bytes, 0};
	if (r == 0)
		r = bytes ? codec_run_some(CODEC_LATIN1, latin1, bytes, latin1.len, &ret->len, NULL, err) : error_no_memory(err, "its bytes");
	arena_free(&scratch);
	return r;
}

/* What lies nowhere as the codec wants it: escaped text of protocol 0, and all text if the pickle is
 * compressed.  Bytes in memory are from no source: they are told from others by the node that they are of. */
static int decode_latin1(const struct torch_file *f, uint32_t text, struct content *ret, struct error *err)
{
	struct slice bytes;
	int r = text_here(f, torch_node(f, text), HERE_MAX, &f->a->arena, &bytes, err);
	*ret = (struct content){.source = text, .memory = bytes.data, .size = bytes.len};
	return r;
}

/* In protocols 0 to 2 bytes are text of characters up to U+00FF, in UTF-8. */
static int open_latin1(const struct torch_file *f, uint32_t text, uint64_t size, struct content *ret, struct error *err)
{
	struct content at;
	if (!pickle_bytes(&f->pickle, torch_node(f, text), &at) || at.stream)
		return decode_latin1(f, text, ret, err);
	return content_decoded(f->a, at.source, at.offset, at.size, CODEC_LATIN1, size, ret, err);
}

/* The characters of the text: its bytes, less those that continue one. */
static int count_characters(const struct torch_file *f, const struct content *text, uint64_t *ret, struct error *err)
{
	uint8_t buf[16384];
	int r = 0;
	*ret = 0;
	for (uint64_t at = 0; r == 0 && at < text->size; at += sizeof buf) {
		size_t n = text->size - at < sizeof buf ? (size_t)(text->size - at) : sizeof buf;
		r = content_read(f->a, text, at, n, buf, NULL, err);
		for (size_t i = 0; r == 0 && i < n; i++)
			*ret += (buf[i] & 0xc0) != 0x80;
	}
	return r;
}

int torch_text_bytes(const struct torch_file *f, uint32_t node, uint64_t size, struct content *ret, struct error *err)
{
	const struct pickle_node *n = torch_node(f, node);
	struct content text;
	struct slice kept;
	int r = 0;
	if (n->kind < PICKLE_TEXT || n->kind > PICKLE_BYTEARRAY)
		return error_set(err, EBADMSG, "its bytes are not in the pickle");
	bool there = pickle_bytes(&f->pickle, n, &text);
	if (n->kind == PICKLE_TEXT && !there)
		return decode_latin1(f, node, ret, err);
	if (!there) { /* of protocol 0 */
		r = pickle_text(&f->pickle, n, &f->a->arena, UINT64_MAX, &kept, err);
		*ret = (struct content){.source = node, .memory = kept.data, .size = kept.len};
		return r;
	}
	*ret = text;
	if (n->kind != PICKLE_TEXT)
		return 0;
	if (size == STREAM_SIZE_UNKNOWN)
		r = count_characters(f, &text, &size, err);
	return r < 0 || size == text.size ? r : open_latin1(f, node, size, ret, err); /* all are ASCII */
}

/* bytearray(bytes), bytearray(text, 'latin-1'), bytes(), encode(text, 'latin1'): what they are given; 0: nothing. */
static uint32_t given_bytes(const struct torch_file *f, uint32_t node)
{
	struct torch_called c = torch_called(f, torch_node(f, node));
	for (unsigned i = 0; i < 4 && node && (c.known == TORCH_BYTES || c.known == TORCH_ENCODE); i++) {
		node = torch_arg(f, &c, 0);
		c = torch_called(f, torch_node(f, node));
	}
	return node;
}

int torch_bytes(const struct torch_file *f, uint32_t node, uint64_t size, struct content *ret, struct error *err)
{
	uint32_t given = given_bytes(f, node);
	*ret = (struct content){0};
	if (!given)
		return 0;
	if (torch_node(f, given)->kind == PICKLE_BUFFER)
		return error_set(err, EBADMSG, "a buffer that was kept out of the pickle");
	return torch_text_bytes(f, given, size, ret, err);
}

int torch_bytes_here(const struct torch_file *f, uint32_t node, uint64_t most, struct arena *arena, struct slice *ret, struct error *err)
{
	uint32_t given = given_bytes(f, node);
	const struct pickle_node *n = torch_node(f, given);
	*ret = (struct slice){NULL, 0};
	if (!given)
		return 0;
	if (n->kind == PICKLE_TEXT)
		return text_here(f, n, most, arena, ret, err);
	if (n->kind < PICKLE_TEXT || n->kind > PICKLE_BYTEARRAY)
		return error_set(err, EBADMSG, "its bytes are not in the pickle");
	return pickle_text(&f->pickle, n, arena, most, ret, err);
}

/* --- storages ------------------------------------------------------------------------------- */

static int read_type(const struct torch_file *f, uint32_t class, struct torch_storage *ret, struct error *err)
{
	const struct pickle_node *n = torch_node(f, class);
	struct text name = {.limit = 4 * SHOWN};
	if (n->kind == PICKLE_GLOBAL && (n->known == TORCH_UNTYPED || torch_dtype(n->known))) {
		ret->dtype = torch_dtype(n->known);
		return 0;
	}
	if (n->kind == PICKLE_GLOBAL)
		torch_put_global(f, n, &name);
	int r = error_set(err, ENOTSUP, "a storage of the unknown class %.*s", (int)(name.len < SHOWN ? name.len : SHOWN),
			  name.bytes ? name.bytes : "?");
	text_free(&name);
	return r;
}

/* (key, offset, elements): part of another storage, in files of before 0.4. */
static int read_view(const struct torch_file *f, uint32_t view, uint64_t width, struct torch_storage *ret, struct error *err)
{
	const struct pickle_node *n = torch_node(f, view);
	uint64_t at, count;
	if (n->kind != PICKLE_TUPLE)
		return 0;
	if (n->count != 3 || !torch_count(f, pickle_item(n, 1), &at) || !torch_count(f, pickle_item(n, 2), &count))
		return error_set(err, EBADMSG, "a view of a storage that is not described as one");
	if (__builtin_mul_overflow(at, width, &at) || __builtin_mul_overflow(count, width, &count) ||
	    !range_within(at, count, ret->bytes.size))
		return error_set(err, EBADMSG, "a view that is not within its storage");
	ret->bytes = content_part(&ret->bytes, at, count);
	return 0;
}

static int read_persistent(const struct torch_file *f, const struct pickle_node *n, struct arena *arena, struct torch_storage *ret,
			   struct error *err)
{
	const struct pickle_node *id = torch_node(f, n->pair[0]);
	struct slice key;
	if (!f->storage || id->kind != PICKLE_TUPLE || id->count < 5 || !torch_is_text(f, pickle_item(id, 0), "storage"))
		return error_set(err, ENOTSUP, "a persistent id that is no storage");
	int r = read_type(f, pickle_item(id, 1), ret, err);
	if (r < 0)
		return r;
	const struct torch_child key_of = {.key = pickle_item(id, 2)};
	uint64_t width = torch_width(ret->dtype);
	if (!torch_count(f, pickle_item(id, 4), &ret->count))
		return error_set(err, EBADMSG, "a storage of no number of elements");
	r = torch_child_name(f, &key_of, arena, &key, err);
	if (r == 0)
		r = f->storage(f, key, &ret->bytes, err);
	return r == 0 && id->count > 5 ? read_view(f, pickle_item(id, 5), width, ret, err) : r;
}

int torch_storage(const struct torch_file *f, uint32_t node, struct arena *arena, struct torch_storage *ret, struct error *err)
{
	const struct pickle_node *n = torch_node(f, node);
	struct torch_called c = torch_called(f, n);
	*ret = (struct torch_storage){0};
	if (node && n->kind == PICKLE_PERSISTENT)
		return read_persistent(f, n, arena, ret, err);
	if (node && c.known == TORCH_LEGACY_BYTES)
		return torch_legacy_storage(f, torch_arg(f, &c, 0), arena, ret, err);
	return error_set(err, EBADMSG, "a tensor without a storage");
}
