/* SPDX-License-Identifier: MIT */
#include "tests/look.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "fs/archive/attrs.h"
#include "fs/archive/check.h"
#include "fs/archive/shape.h"
#include "fs/base/name.h"
#include "fs/views/views.h"

/* What one node costs, in the bytes that could be read in the same time. */
enum { NODE_WORK = 200, READ_WORK = 200 };

__attribute__((format(printf, 2, 3))) static bool broken(struct look *l, const char *format, ...)
{
	if (l->broken[0] == '\0') {
		va_list args;
		va_start(args, format);
		vsnprintf(l->broken, sizeof l->broken, format, args);
		va_end(args);
	}
	return false;
}

/* A refusal must be a negative errno and come with a sentence that fits on a line. */
static bool sentence(struct look *l, const char *what, const char *name, int code, const struct error *err)
{
	l->refused++;
	if (code >= 0 || code < -4095)
		return broken(l, "%s of %s returned %d", what, name, code);
	if (err->text[0] == '\0')
		return broken(l, "%s of %s failed with %d and no sentence", what, name, code);
	if (!utf8_valid(slice_text(err->text)))
		return broken(l, "%s of %s failed with a sentence that is not UTF-8", what, name);
	return true;
}

bool look_refused(struct look *l, const struct format *f, struct slice file, int code, const struct error *err)
{
	struct source s = source_memory(file);
	struct error why = {0};
	struct peek p;
	if (code == -ENOTSUP && err->text[0] == '\0' && peek(&p, &s, &why) == 0 && (!f->probe || !f->probe(&p)))
		return true; /* nobody's file */
	return sentence(l, "open", "it", code, err);
}

/* --- one node ---------------------------------------------------------- */

static bool check_name(struct look *l, const char *name)
{
	size_t n = strlen(name);
	if (n == 0 || n > 255 || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return broken(l, "\"%s\" is no name for a file", name);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return broken(l, "\"%s\" holds a control byte", name);
	return utf8_valid(slice_text(name)) || broken(l, "\"%s\" is not UTF-8", name);
}

struct touching {
	struct look *l;
	struct archive *archive;
	struct error *err;
	bool fault; /* does one report a fault? */
};

static size_t touch(struct slice s)
{
	volatile uint8_t sum = 0;
	for (size_t i = 0; i < s.len; i++)
		sum = (uint8_t)(sum + s.data[i]);
	return s.len;
}

static int touch_long(struct touching *t, const struct attr *at)
{
	struct text text = {.limit = 1 << 24};
	int r = at->put(t->archive, at, &text, t->err);
	t->l->work += touch(text_slice(&text)) + READ_WORK;
	if (r == 0 && !utf8_valid(text_slice(&text)))
		broken(t->l, "an attribute that is not UTF-8");
	text_free(&text);
	return r;
}

static int touch_attr(void *arg, const struct attr *at)
{
	struct touching *t = arg;
	t->l->work += touch(at->name) + touch(at->value) + READ_WORK;
	t->fault |= slice_equal(at->name, SLICE("arrayfs.error"));
	return at->put ? touch_long(t, at) : 0;
}

/* Its overview is text on one line, and rows are in parts. */
static bool look_over(struct look *l, struct archive *a)
{
	struct overview o = {0};
	if (!a->format->overview)
		return true;
	a->format->overview(a, &o);
	l->work += touch(text_slice(&o.writer)) + READ_WORK;
	bool fine = (!*o.version || o.versioned) && (!o.rows || o.count) && !memchr(o.version, '\n', sizeof o.version);
	text_free(&o.writer);
	return fine || broken(l, "an overview of %" PRIu64 " rows in %" PRIu64 " parts", o.rows, o.count);
}

/* Touches every byte of the node's attributes and details. */
static bool look_told(struct look *l, struct archive *a, uint32_t id, const struct node *n, bool *ret_fault)
{
	struct error err = {0};
	struct touching t = {.l = l, .archive = a, .err = &err};
	struct text text = {.limit = 1 << 24};
	int r = attrs_walk(a, id, n, touch_attr, &t, &err);
	bool fine = r >= 0 || sentence(l, "attributes", n->name, r, &err);
	fine = fine && (id != TREE_ROOT || look_over(l, a));
	if (fine && a->format->details) {
		err.text[0] = '\0';
		r = a->format->details(a, id, n, &text, &err);
		fine = r >= 0 || text.failed || sentence(l, "details", n->name, r, &err);
		l->work += touch(text_slice(&text)) + READ_WORK;
	}
	if (fine && !text.failed && text.len && (text.bytes[0] != ',' || !utf8_valid(text_slice(&text))))
		fine = broken(l, "%s: details that are no members of an object", n->name);
	text_free(&text);
	*ret_fault = t.fault;
	return fine;
}

/* Elements of a fixed width fill the file exactly. */
static bool check_array(struct look *l, const struct node *n, uint64_t size, bool fault)
{
	const struct array *array = n->array;
	uint64_t elements, bits;
	char name[DTYPE_NAME_MAX];

	if (!array)
		return true;
	dtype_name(array, name);
	if (array->dtype >= DTYPE_COUNT || array->byteorder > BYTEORDER_BIG || (array->rank && !array->shape))
		return broken(l, "%s: an array that is none", n->name);
	bits = dtype_bits(array);
	if (fault || bits == 0)
		return true;
	if (array->unshaped && array->sized) {
		struct shaped shaped;
		if (array->rank < SHAPE_MAX && !shape_of_size(array, size, &shaped))
			return broken(l, "%s: %" PRIu64 " bytes in elements of %s and so many dimensions", n->name, size, name);
		return true;
	}
	if (array->unshaped)
		return true;
	if (!shape_elements(array->shape, array->rank, &elements) || __builtin_mul_overflow(elements, bits, &bits))
		return broken(l, "%s: its shape overflows", n->name);
	if (bits / 8 + (bits % 8 != 0) != size)
		return broken(l, "%s: %" PRIu64 " bytes for %" PRIu64 " elements of %s", n->name, size, elements, name);
	return true;
}

/* Reads into buf; *ret says whether the archive answered. */
static bool read_into(struct look *l, struct archive *a, struct node *n, uint64_t offset, size_t len,
		      size_t expect, uint8_t *buf, bool *ret)
{
	struct answer answer;
	struct error err = {0};
	answer_init(&answer);
	int r = archive_read(a, n, offset, len, &answer, &err);
	bool fine = true;

	l->work += READ_WORK + len;
	if (r < 0)
		fine = sentence(l, "read", n->name, r, &err) &&
		       (answer.len == 0 || broken(l, "%s: a read that failed answered bytes", n->name));
	else if (answer.len != expect)
		fine = broken(l, "%s: %" PRIu64 " bytes for a read of %zu at %" PRIu64 ", not %zu", n->name, answer.len,
			      len, offset, expect);
	else
		answer_copy(&answer, buf, NULL);
	answer_close(&answer);
	*ret = fine && r == 0;
	return fine;
}

/* [at, at + len) again, in pieces of many sizes. */
static bool read_split(struct look *l, struct archive *a, struct node *n, uint64_t at, size_t len, const uint8_t *whole)
{
	static const size_t pieces[] = {1, 7, 64, 509, 4096, 3, 8191};
	uint8_t *buf = malloc(8192);
	bool fine = buf != NULL, answered;

	for (size_t done = 0, k = 0, piece; fine && done < len; done += piece, k++) {
		piece = pieces[k % (sizeof pieces / sizeof *pieces)];
		piece = piece < len - done ? piece : len - done;
		fine = read_into(l, a, n, at + done, piece, piece, buf, &answered);
		if (fine && (!answered || memcmp(buf, whole + done, piece) != 0))
			fine = broken(l, "%s: %zu bytes at %" PRIu64 " differ from those of a whole read", n->name, piece, at + done);
	}
	free(buf);
	return fine;
}

static bool read_some(struct look *l, struct archive *a, struct node *n, uint64_t at, size_t len)
{
	uint8_t *buf = malloc(len ? len : 1); /* exact, for the sanitizer */
	bool answered, fine = buf && read_into(l, a, n, at, len, len, buf, &answered);
	if (fine && answered && l->split)
		fine = read_split(l, a, n, at, len, buf);
	free(buf);
	return fine;
}

/* Readers that jump must get what a reader from the start gets. */
static bool read_here_and_there(struct look *l, struct archive *a, struct node *n, uint64_t size)
{
	uint64_t seed = size * 0x9e3779b97f4a7c15u + 1;
	for (unsigned k = 0; k < 3 && size > 0; k++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		uint64_t at = (seed >> 16) % size;
		size_t len = size - at < 300 ? (size_t)(size - at) : (seed >> 8) % 300 + 1;
		if (!read_some(l, a, n, at, len))
			return false;
	}
	return true;
}

/* Some of the view's file, from its start and at a place inside, which must agree. */
static bool look_view(struct look *l, const struct view *v, struct archive *a, struct node *n)
{
	enum { SOME = 512 };
	struct error err = {0};
	uint64_t size;
	uint8_t whole[SOME], part[SOME];
	struct answer first, again;
	int r = v->size(a, n, &size, &err);
	if (r < 0)
		return sentence(l, "the view's size", n->name, r, &err);
	answer_init(&first);
	answer_init(&again);
	uint64_t len = size < SOME ? size : SOME, at = len / 3;
	r = v->read(a, n, 0, len, &first, &err);
	bool fine = r < 0 ? sentence(l, "the view", n->name, r, &err)
			  : first.len == len || broken(l, "%s%s: %" PRIu64 " bytes, not %" PRIu64, n->name, v->suffix, first.len, len);
	if (r == 0 && fine && (r = v->read(a, n, at, len - at, &again, &err)) == 0) {
		answer_copy(&first, whole, NULL);
		fine = again.len == len - at && answer_copy(&again, part, NULL) == 0 && memcmp(whole + at, part, len - at) == 0;
		if (!fine)
			broken(l, "%s%s: at %" PRIu64 " it is another than from its start", n->name, v->suffix, at);
	}
	answer_close(&first);
	answer_close(&again);
	l->work += READ_WORK + 8 * len;
	return fine;
}

static bool look_views(struct look *l, struct archive *a, struct node *n)
{
	struct error err = {0};
	uint64_t size;
	int r = archive_size(a, n, &size, &err);
	for (const struct view *v = views; v < views + VIEW_IDS; v++) {
		bool slow = v == &views[VIEW_PNG] && (!l->split || r < 0 || size > 4 * l->bytes); /* all of it is read */
		if (v->read && !slow && view_exists(v, n) && !look_view(l, v, a, n))
			return false;
	}
	return true;
}

static bool look_once(struct look *l, struct archive *a, struct node *n, bool fault)
{
	struct error err = {0};
	uint64_t size;
	uint8_t few[8];
	bool answered;
	int r = archive_size(a, n, &size, &err);

	if (n->kind == NODE_LAZY && !a->format->read)
		return broken(l, "%s: a lazy file of a format without read()", n->name);
	if (r < 0)
		return sentence(l, "size", n->name, r, &err);
	if (size > INT64_MAX)
		return broken(l, "%s: a size of %" PRIu64, n->name, size);
	size_t len = size < l->bytes ? (size_t)size : l->bytes;
	return check_array(l, n, size, fault) && read_some(l, a, n, 0, len) &&
	       (size == len || read_some(l, a, n, size - len, len)) &&
	       read_here_and_there(l, a, n, size) && look_views(l, a, n) &&
	       (size == 0 || read_into(l, a, n, size - 1, sizeof few, 1, few, &answered)) &&
	       read_into(l, a, n, size, sizeof few, 0, few, &answered);
}

/* Reading may find that a size was wrong, but not again and again. */
static bool look_file(struct look *l, struct archive *a, struct node *n, bool fault)
{
	for (unsigned tries = 0; tries < 100; tries++) {
		struct look before = *l;
		unsigned then = atomic_load(&a->resized);
		bool fine = look_once(l, a, n, fault);
		if (atomic_load(&a->resized) == then)
			return fine;
		*l = before;
	}
	return broken(l, "%s: its size is never right", n->name);
}

static bool look_dir(struct look *l, struct archive *a, uint32_t id, struct node *n)
{
	struct error err = {0};
	int r = archive_fill(a, id, &err);
	if (r < 0) {
		struct error again = {0};
		return sentence(l, "filling", n->name, r, &err) &&
		       (archive_fill(a, id, &again) < 0 || broken(l, "%s: filled at the second try", n->name));
	}
	uint32_t last = 0, child = n->child;
	for (uint32_t left = l->nodes; child && left; left--) {
		const struct node *c = tree_node(&a->tree, child);
		if (!c || c->parent != id || c->hidden)
			return broken(l, "%s: a child that is not its own", n->name);
		if (tree_find(&a->tree, n, id, slice_text(c->name)) != child)
			return broken(l, "%s: lists %s and does not find it", n->name, c->name);
		last = child;
		child = c->next;
	}
	return child || last == n->last || broken(l, "%s: its list ends early", n->name);
}

static bool look_node(struct look *l, struct archive *a, uint32_t id, struct node *n)
{
	l->work += NODE_WORK;
	if (id != TREE_ROOT && !check_name(l, n->name))
		return false;
	bool fault = false;
	if (n->kind != NODE_HARD && !look_told(l, a, id, n, &fault))
		return false;
	switch ((enum node_kind)n->kind) {
	case NODE_DIR:
		return look_dir(l, a, id, n);
	case NODE_LINK:
		return (n->target && n->target[0]) || broken(l, "%s: a link to nothing", n->name);
	case NODE_HARD: {
		const struct node *twin = tree_node(&a->tree, tree_resolve(&a->tree, id));
		return (twin && twin->kind != NODE_HARD && twin->kind != NODE_DIR) ||
		       broken(l, "%s: another name of nothing", n->name);
	}
	case NODE_RANGE:
	case NODE_BYTES:
	case NODE_LAZY:
	case NODE_FAULT:
		return look_file(l, a, n, fault);
	}
	return broken(l, "%s: a node of kind %d", n->name, n->kind);
}

/* No more of a member is decoded than is read of a node. */
static int use_up(void *arg, uint64_t bytes)
{
	uint64_t *left = arg;
	*left -= bytes < *left ? bytes : *left;
	return *left ? 0 : 1;
}

static bool look_checks(struct look *l, struct archive *a)
{
	struct arena arena = arena_apart(&a->arena);
	struct check *checks;
	struct error err = {0};
	uint32_t count = 0;
	int r = a->format->checks(a, &arena, &checks, &count, &err);
	bool fine = r == 0 || sentence(l, "the checksums", "it", r, &err);
	for (uint32_t i = 0; fine && r == 0 && i < count && i < l->nodes; i++) {
		struct error why = {0};
		uint64_t left = l->bytes;
		int code = check_run(a, &checks[i], use_up, &left, &why);
		fine = code >= 0 || sentence(l, "checking", "a member", code, &why);
		l->work += NODE_WORK + l->bytes - left;
	}
	arena_free(&arena);
	return fine;
}

bool look(struct look *l, struct archive *a)
{
	struct node *n;
	if (a->format->checks && !look_checks(l, a))
		return false;
	/* Filling a directory adds nodes at the end, which are visited in turn. */
	for (uint32_t id = TREE_ROOT; id < l->nodes && (n = tree_node(&a->tree, id)); id++)
		if (!look_node(l, a, id, n))
			return false;
	return true;
}
