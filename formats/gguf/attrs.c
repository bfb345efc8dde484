/* SPDX-License-Identifier: MIT */
/* The metadata as attributes, read when they are asked for: a vocabulary may be longer than all
 * the rest. */
#include <inttypes.h>

#include "formats/gguf/gguf.h"

enum {
	ATTRIBUTE_MAX = 1 << 16,  /* XATTR_SIZE_MAX */
	STRING_MAX = 16 << 20,    /* longer ones are left out */
};

static void put_number(struct text *t, uint32_t type, uint64_t bits)
{
	const struct gguf_value_type *as = &gguf_value_types[type];
	unsigned spare = 64 - 8u * as->width;
	uint32_t half = (uint32_t)bits;
	double d;
	float f;
	memcpy(&f, &half, sizeof f);
	memcpy(&d, &bits, sizeof d);
	if (type == GGUF_BOOL)
		text_add(t, bits ? "true" : "false");
	else if (type == GGUF_FLOAT32)
		text_float(t, f);
	else if (type == GGUF_FLOAT64)
		text_double(t, d);
	else if (dtype_kind(as->dtype) == KIND_SIGNED)
		text_print(t, "%" PRId64, (int64_t)(bits << spare) >> spare);
	else
		text_print(t, "%" PRIu64, bits);
}

/* --- arrays ------------------------------------------------------------------ */

struct putting {
	struct gguf_reader r;
	struct arena *scratch; /* freed after each long string */
	struct text *text;
};

static void put_array(struct putting *p, uint32_t type, uint64_t count, unsigned depth);

static void put_string(struct putting *p)
{
	struct gguf_reader *r = &p->r;
	uint64_t len = gguf_number(r, 8);
	if (len <= GGUF_TOGETHER && gguf_have(r, (size_t)len)) {
		text_json(p->text, cursor_take(&r->c, len));
	} else if (len > STRING_MAX) {
		gguf_fail(r, EIO, "a string of %" PRIu64 " bytes in an array", len);
	} else if (!r->failed) {
		text_json(p->text, gguf_text(r, len, p->scratch));
		arena_free(p->scratch);
	}
}

static void put_element(struct putting *p, uint32_t type, unsigned depth)
{
	if (type == GGUF_STRING) {
		put_string(p);
	} else if (type == GGUF_ARRAY) {
		uint32_t inner = (uint32_t)gguf_number(&p->r, 4);
		put_array(p, inner, gguf_number(&p->r, 8), depth + 1);
	} else {
		uint64_t bits = gguf_number(&p->r, gguf_value_types[type].width);
		put_number(p->text, type, bits);
	}
}

/* The file may have changed since it was checked. */
static void put_array(struct putting *p, uint32_t type, uint64_t count, unsigned depth)
{
	if (!p->r.failed && (type >= GGUF_TYPES || depth > 64))
		gguf_fail(&p->r, EIO, "the metadata are not those that were there when the file was opened");
	text_add(p->text, "[");
	for (uint64_t i = 0; i < count && !p->r.failed && !p->text->failed; i++) {
		text_add(p->text, i ? "," : "");
		put_element(p, type, depth);
	}
	text_add(p->text, "]");
}

static int put_list(struct archive *a, const struct gguf_pair *pair, struct text *text, struct error *err)
{
	const struct gguf *g = a->priv;
	struct arena window = arena_apart(&a->arena), scratch = arena_apart(&a->arena);
	struct putting p = {.scratch = &scratch, .text = text};
	if (gguf_begin(&p.r, &a->source, g->header.big, pair->at, &window, err))
		put_array(&p, pair->element, pair->count, 0);
	arena_free(&scratch);
	arena_free(&window);
	return p.r.failed;
}

static int put_long(struct archive *a, const struct attr *attr, struct text *ret, struct error *err)
{
	return put_list(a, attr->from, ret, err);
}

/* --- pairs ------------------------------------------------------------------- */

static int put_bytes(struct archive *a, const struct gguf_pair *pair, struct text *t, struct error *err)
{
	char piece[1 << 12];
	uint64_t at = pair->at, left = pair->count;
	for (uint64_t n; left > 0; at += n, left -= n) {
		n = left < sizeof piece ? left : sizeof piece;
		int r = source_read(&a->source, at, piece, (size_t)n, err);
		if (r < 0)
			return r;
		text_put(t, (struct slice){(const uint8_t *)piece, (size_t)n});
	}
	return 0;
}

/* Is it longer than an attribute may be, whatever its elements are, or no list of scalars? */
static bool surely_long(const struct gguf_pair *pair)
{
	return pair->type == GGUF_ARRAY && (pair->element == GGUF_ARRAY || pair->count > ATTRIBUTE_MAX / 2);
}

static int put_value(struct archive *a, const struct gguf_pair *pair, struct text *value, struct error *err)
{
	if (pair->type == GGUF_STRING)
		return pair->count > STRING_MAX ? 0 : put_bytes(a, pair, value, err);
	if (pair->type == GGUF_ARRAY)
		return surely_long(pair) ? 0 : put_list(a, pair, value, err);
	put_number(value, pair->type, pair->number);
	return 0;
}

static int tell(struct archive *a, const struct gguf_pair *pair, struct text *name, attrs_each *each, void *arg, struct error *err)
{
	struct text value = {.limit = pair->type == GGUF_ARRAY ? ATTRIBUTE_MAX : 0};
	name->len = 0;
	text_add(name, ATTR_OWN);
	text_put(name, pair->key);
	int r = put_value(a, pair, &value, err);
	bool is_long = surely_long(pair) || value.failed == -E2BIG;
	if (r == 0 && (name->failed || (value.failed && !is_long)))
		r = error_no_memory(err, "the metadata");
	struct attr attr = {.name = text_slice(name), .json = pair->type != GGUF_STRING, .from = pair};
	if (is_long)
		attr.put = put_long;
	else
		attr.value = text_slice(&value);
	if (r == 0 && !(pair->type == GGUF_STRING && pair->count > STRING_MAX))
		r = each(arg, &attr);
	text_free(&value);
	return r;
}

int gguf_attrs(struct archive *a, uint32_t index, const struct node *n, attrs_each *each, void *arg, struct error *err)
{
	const struct gguf *g = a->priv;
	struct text name = {0};
	(void)n;
	if (index != TREE_ROOT)
		return 0;
	int r = each(arg, &(struct attr){.name = SLICE(ATTR_OWN "GGUF.version"), .json = true,
					 .value = g->header.version == 2 ? SLICE("2") : SLICE("3")});
	for (uint64_t i = 0; i < g->header.pair_count && r == 0; i++)
		r = tell(a, &g->header.pairs[i], &name, each, arg, err);
	text_free(&name);
	return r;
}

int gguf_details(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err)
{
	const struct gguf *g = a->priv;
	const struct gguf_header *h = &g->header;
	(void)n, (void)err;
	if (index != TREE_ROOT)
		return 0;
	text_print(ret, ",\"header\":{\"version\":%" PRIu32 ",\"byteorder\":\"%s\",\"tensors\":%" PRIu64 ",\"metadata\":%" PRIu64, h->version,
		   h->big ? "big" : "little", g->set_tensors, h->pair_count);
	text_print(ret, ",\"alignment\":%" PRIu64 ",\"data_offset\":%" PRIu64 ",\"parts\":%" PRIu32 "}", h->alignment, h->data, g->parts);
	return 0;
}
