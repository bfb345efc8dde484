/* SPDX-License-Identifier: MIT */
#include "fs/views/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "fs/base/text.h"

/* Width of a reference: the longest possible path. */
enum { PATH_WIDTH_MAX = 4096 };

/* The layout of one array's text. */
struct layout {
	struct archive *archive;
	const struct node *node;
	const struct array *array;
	struct node *validity; /* NULL if there is none */
	uint64_t count;        /* elements */
	uint64_t row;          /* elements per line */
	uint64_t each;         /* elements per slot of the validity */
	unsigned width, bytes; /* of a field; of an element */
	uint64_t slots;
};

static struct node *validity_below(struct archive *a, const struct node *n, unsigned depth)
{
	struct text name = {.limit = 4096};
	text_add(&name, n->name);
	while (depth-- > 0 && !name.failed)
		text_add(&name, ".values");
	text_add(&name, ".validity");
	const struct node *dir = tree_node(&a->tree, n->parent);
	uint32_t id = !name.failed && dir ? tree_find(&a->tree, dir, n->parent, text_slice(&name)) : 0;
	text_free(&name);
	struct node *found = id ? tree_node(&a->tree, id) : NULL;
	return found && found->companion && found->kind == NODE_LAZY && found->array && found->array->dtype == DTYPE_BOOL ? found : NULL;
}

struct node *view_validity(struct archive *a, const struct node *n)
{
	unsigned rows = n->array->unshaped ? 0 : 1, depth = n->array->rank > rows ? n->array->rank - rows : 0;
	struct node *found;
	while (!(found = validity_below(a, n, depth)) && depth > 0)
		depth--;
	return found;
}

struct node *view_nulls(struct archive *a, const struct node *n)
{
	struct node *found;
	do {
		if ((found = view_validity(a, n)))
			return found;
		n = tree_node(&a->tree, n->parent);
	} while (n && n->array && n->array->dtype == DTYPE_STRUCT);
	return NULL;
}

bool view_text_exists(const struct array *a)
{
	return view_text_width(a) > 0;
}

static bool refers(const struct archive *a, const struct array *array)
{
	return array->reference && a->format->references;
}

static int layout_of(struct archive *a, struct node *n, struct layout *ret, struct error *err)
{
	const struct array *array = n->array;
	uint64_t size;
	int r = archive_size(a, n, &size, err);
	*ret = (struct layout){.archive = a, .node = n, .array = array, .row = 1, .each = 1, .width = view_text_width(array)};
	if (r < 0)
		return r;
	size_t path = refers(a, array) ? a->format->references->width(a, n) : 0;
	if (path > PATH_WIDTH_MAX)
		return error_set(err, EIO, "a path of %zu bytes is too long for a line", path);
	ret->width = path > ret->width ? (unsigned)path : ret->width;
	ret->bytes = (unsigned)(dtype_bits(array) / 8);
	if (ret->bytes == 0 || ret->width == 0)
		return 0;
	ret->count = size / ret->bytes;
	if ((array->unshaped ? array->sized && array->rank > 0 : array->rank > 1) && array->shape[array->rank - 1] > 0)
		ret->row = array->shape[array->rank - 1];
	ret->validity = view_validity(a, n);
	if (ret->validity && (r = archive_size(a, ret->validity, &ret->slots, err)) == 0 && ret->slots > 0)
		ret->each = ret->count / ret->slots;
	if (ret->validity && (ret->slots == 0 || ret->each == 0 || ret->each * ret->slots != ret->count))
		ret->validity = NULL;
	return r;
}

int view_text_size(struct archive *a, struct node *n, uint64_t *ret, struct error *err)
{
	struct layout l;
	int r = layout_of(a, n, &l, err);
	*ret = 0;
	if (r == 0 && (__builtin_mul_overflow(l.count, (uint64_t)l.width + 1, ret) || *ret > INT64_MAX))
		r = error_set(err, EIO, "the text of %" PRIu64 " elements would be too large", l.count);
	return r;
}

static int read_flat(struct archive *a, struct node *n, uint64_t offset, uint64_t len, uint8_t **ret, struct error *err)
{
	struct answer answer;
	answer_init(&answer);
	*ret = malloc(len ? (size_t)len : 1);
	int r = *ret ? archive_read(a, n, offset, len, &answer, err) : error_set(err, ENOMEM, "no memory");
	if (r == 0 && answer.len != len)
		r = error_set(err, EIO, "the array ends early");
	if (r == 0)
		r = answer_copy(&answer, *ret, err);
	answer_close(&answer);
	if (r < 0) {
		free(*ret);
		*ret = NULL;
	}
	return r;
}

/* False if only the element's own bytes can be shown. */
static bool put_path(const struct layout *l, const uint8_t *element, char *to)
{
	struct text path = {0}, word = {0};
	enum referred known = l->archive->format->references->refer(l->archive, l->node, element, &path);
	if (known == REFERRED_NULL)
		text_add(&word, "-");
	else if (known == REFERRED_KNOWN)
		text_word(&word, text_slice(&path), l->array->rank > 1);
	bool fits = known != REFERRED_UNKNOWN && !path.failed && !word.failed && word.len <= l->width;
	if (fits)
		memcpy(to, word.bytes, word.len);
	text_free(&path);
	text_free(&word);
	return fits;
}

struct elements {
	uint64_t first;
	uint8_t *bytes, *valid; /* from `first` on; from its slot on */
};

static void put_element(const struct layout *l, const struct elements *e, uint64_t i, char *to)
{
	if (e->valid && !e->valid[i / l->each - e->first / l->each]) {
		memset(to, ' ', l->width);
		to[l->array->dtype == DTYPE_FIXED_STRING || l->array->dtype == DTYPE_VOID ? 0 : l->width - 1] = '-';
	} else {
		const uint8_t *element = e->bytes + (i - e->first) * l->bytes;
		if (l->array->dtype == DTYPE_VOID)
			memset(to, ' ', l->width);
		if (!refers(l->archive, l->array) || !put_path(l, element, to))
			view_text_field(l->array, element, to, l->width);
	}
	to[l->width] = (i + 1) % l->row == 0 || i + 1 == l->count ? '\n' : ' ';
}

/* The text of [offset, offset + len); only its first and last fields may be partial. */
static int put_text(const struct layout *l, const struct elements *e, uint64_t offset, uint64_t len, char *to)
{
	uint64_t line = l->width + 1u, end = offset + len;
	char *cut = malloc((size_t)line);
	if (!cut)
		return -ENOMEM;
	for (uint64_t at = offset; at < end;) {
		uint64_t i = at / line, skip = at % line, n = line - skip < end - at ? line - skip : end - at;
		if (n == line) {
			put_element(l, e, i, to);
		} else {
			put_element(l, e, i, cut);
			memcpy(to, cut + skip, (size_t)n);
		}
		to += n;
		at += n;
	}
	free(cut);
	return 0;
}

int view_text_read(struct archive *a, struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	struct layout l;
	struct elements e = {0};
	uint64_t size;
	uint8_t *own;
	int r = view_text_size(a, n, &size, err);
	if (r < 0 || offset >= size || (r = layout_of(a, n, &l, err)) < 0)
		return r;
	len = len < size - offset ? len : size - offset;
	if (len == 0)
		return 0;
	uint64_t line = l.width + 1u, last = (offset + len - 1) / line;
	e.first = offset / line;
	r = read_flat(a, n, e.first * l.bytes, (last - e.first + 1) * l.bytes, &e.bytes, err);
	if (r == 0 && l.validity)
		r = read_flat(a, l.validity, e.first / l.each, last / l.each - e.first / l.each + 1, &e.valid, err);
	if (r == 0)
		r = answer_own(ret, (size_t)len, &own);
	if (r == 0)
		r = put_text(&l, &e, offset, len, (char *)own);
	free(e.bytes);
	free(e.valid);
	if (r < 0)
		answer_reset(ret);
	return r;
}
