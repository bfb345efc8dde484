/* SPDX-License-Identifier: MIT */
#include "fs/archive/archive.h"

#include <inttypes.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "fs/archive/graft.h"
#include "fs/base/list.h"
#include "fs/blocks/blocks.h"

/* Invariants of every tree, checked here so that no format has to. */
static int check_tree(struct archive *a, uint32_t first, struct error *err)
{
	for (uint32_t i = first; i < a->tree.made && !a->tree.failed; i++) {
		const struct node *n = tree_edit(&a->tree, i);
		if (n->kind == NODE_RANGE &&
		    (n->source >= archive_sources(a) || !range_within(n->offset, n->size, archive_source(a, n->source)->size)))
			return error_set(err, EBADMSG, "%s lies outside the file", n->name);
	}
	return 0;
}

/* From this much on, freed memory goes back to the system: the C library would keep it, in each thread's arena. */
enum { TRIM = 1 << 20 };

/* Reports the current size of the metadata to the block cache. */
static void count_metadata(struct archive *a, size_t now)
{
	if (!a->within) /* which counts it with its own */
		blocks_metadata(a->options->blocks, a->counted, now);
	a->counted = now;
}

static int open_tree(struct archive *a, struct error *err)
{
	int r = tree_init(&a->tree, &a->arena);
	if (r < 0)
		return error_set(err, -r, "no memory for its names");
	if ((r = tree_fill(&a->tree, TREE_ROOT, err)) < 0)
		return r;
	if ((r = a->format->open(a, err)) < 0)
		return r;
	if ((r = check_tree(a, TREE_ROOT + 1, err)) < 0)
		return r;
	return tree_publish(&a->tree, err);
}

static int open_detected(struct archive *a, const struct format *const *formats, const char *name, struct error *err)
{
	struct peek p;
	int r = peek(&p, &a->source, err);
	if (r < 0)
		return r;
	p.alone = !a->mirrored;
	a->format = archive_detect(formats, &p, name, a->options, a->mirrored);
	if (p.failed) {
		a->format = NULL;
		return error_set(err, -p.failed, "what it is cannot be told: its bytes cannot be read");
	}
	if (!a->format)
		return -ENOTSUP;
	r = open_tree(a, err);
	count_metadata(a, a->arena.used);
	return r;
}

static void archive_init(struct archive *a, const struct archive_options *options)
{
	*a = (struct archive){.options = options, .arena.limit = options->memory};
	a->source = source_memory((struct slice){NULL, 0});
	members_init(&a->members, options->descriptors);
	pthread_mutex_init(&a->lock, NULL);
	pthread_mutex_init(&a->access_lock, NULL);
}

/* An archive outside is accessible to its owner alone until the folders on its path are known. */
static void take_own(struct archive *a, const struct stat *st)
{
	a->own = *st;
	a->access = access_of(st);
	if (a->outside)
		a->access.mode &= 0700;
}

int archive_open_source(struct archive *a, const struct format *const *formats, struct source source,
			const char *name, const struct archive_options *options, struct error *err)
{
	archive_init(a, options);
	a->source = source;
	take_own(a, &source.st);
	int r = open_detected(a, formats, name, err);
	if (r < 0)
		archive_close(a);
	return r;
}

int archive_open_within(struct archive *a, struct archive *within, const struct format *const *formats, struct source source,
			const char *name, size_t most, struct error *err)
{
	archive_init(a, within->options);
	a->within = within;
	a->mirrored = true;
	a->source = source;
	take_own(a, &source.st);
	arena_try(&a->arena, most ? most : 1);
	int r = open_detected(a, formats, name, err);
	if (!arena_tried(&a->arena))
		r = error_set(err, E2BIG, "its metadata take more than %zu bytes", most);
	if (r < 0)
		archive_close(a);
	return r;
}

int archive_open(struct archive *a, const struct format *const *formats,
		 const struct archive_at *at, const struct archive_options *options, struct error *err)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(at->path, '/');

	archive_init(a, options);
	a->members.folder = *at->folder;
	a->mirrored = at->mirrored;
	a->outside = at->outside;
	arena_try(&a->arena, at->soft);
	int n = snprintf(folder, sizeof folder, "%s%s%.*s", at->folder->path,
			 at->folder->path[0] && slash ? "/" : "", slash ? (int)(slash - at->path) : 0, at->path);
	a->path = n < PATH_MAX ? strdup(folder) : NULL;
	a->members.folder.path = a->path;
	int r = a->path ? source_open(&a->source, at->folder, at->path, at->reach, err)
			: error_no_memory(err, "its path");
	take_own(a, &a->source.st);
	if (r == 0)
		r = open_detected(a, formats, slash ? slash + 1 : at->path, err);
	if (r == 0 && a->outside)
		archive_restat(a);
	if (r == 0)
		source_keep(&a->source, options->descriptors);
	/* However a format took it: what is shown must not depend on this limit. */
	if (!arena_tried(&a->arena))
		r = error_set(err, E2BIG, "its metadata take more than %zu bytes", at->soft);
	if (r < 0)
		archive_close(a);
	return r;
}

/* NULL if no format takes folders. */
static const struct format *detect_folder(const struct format *const *formats, const struct members *m)
{
	const struct format *first = NULL;
	for (; *formats; formats++) {
		if ((*formats)->probe_members && (*formats)->probe_members(m))
			return *formats;
		first = first || !(*formats)->probe_members ? first : *formats;
	}
	return first;
}

int archive_open_folder(struct archive *a, const struct format *const *formats, int dir, bool confined,
			const struct archive_options *options, struct error *err)
{
	int r = 0;
	archive_init(a, options);
	a->members.folder = (struct folder){.dir = dir, .path = "", .confined = confined};
	a->format = detect_folder(formats, &a->members);
	if (!a->format)
		r = error_set(err, ENOTSUP, "no format takes a directory for one archive");
	else if ((r = access_fstat(dir, &a->source.st)) < 0)
		error_set(err, -r, "%s", strerror(-r));
	take_own(a, &a->source.st);
	if (r == 0)
		r = archive_bring_all(a, open_tree, err);
	count_metadata(a, a->arena.used);
	if (r < 0)
		archive_close(a);
	return r;
}

void archive_close(struct archive *a)
{
	bool trim = a->arena.used >= TRIM;
	if (a->options) {
		blocks_drop(a->options->blocks, &a->blocks);
		count_metadata(a, 0);
	}
	if (a->format && a->format->close)
		a->format->close(a);
	grafts_close(a);
	members_close(&a->members);
	source_close(&a->source);
	tree_free(&a->tree);
	arena_free(&a->arena);
	free(a->path);
	free(a->filled);
	pthread_mutex_destroy(&a->lock);
	pthread_mutex_destroy(&a->access_lock);
	*a = (struct archive){.members.folder.dir = -1};
	if (trim)
		malloc_trim(0);
}

/* Makes room for one more entry in the log of fillings. */
static int log_grow(struct archive *a, struct error *err)
{
	uint32_t *grown = list_grow(a->filled, a->nfilled, sizeof *grown);
	if (!grown)
		return error_no_memory(err, "one more directory");
	a->filled = grown;
	return 0;
}

static int fill(struct archive *a, uint32_t dir, size_t most, struct error *err)
{
	uint32_t first = a->tree.made;
	struct error unsaid = {0}; /* formats rely on having one */
	err = err ? err : &unsaid;
	int r = log_grow(a, err);
	if (r < 0 || (r = tree_fill(&a->tree, dir, err)) < 0)
		return r;
	arena_try(&a->arena, most);
	r = a->format->list ? a->format->list(a, dir, err) : error_set(err, EIO, "a directory that nobody fills");
	if (r == 0)
		r = check_tree(a, first, err);
	if (!arena_tried(&a->arena)) /* however the format took it */
		r = -E2BIG;
	if (r < 0)
		a->tree.failed = r;
	r = tree_publish(&a->tree, err);
	if (a->arena.used >= a->counted + TRIM) /* what is kept; as much was read to make it */
		malloc_trim(0);
	count_metadata(a, a->arena.used);
	if (r == 0)
		a->filled[a->nfilled++] = dir;
	return r;
}

int archive_fill(struct archive *a, uint32_t dir, struct error *err)
{
	return archive_fill_within(a, dir, 0, err);
}

int archive_fill_within(struct archive *a, uint32_t dir, size_t most, struct error *err)
{
	struct node *n = tree_node(&a->tree, dir);
	int r = 0;
	if (!n || n->kind != NODE_DIR)
		return error_set(err, ENOTDIR, "not a directory");
	if (node_filled(n))
		return 0;
	pthread_mutex_lock(&a->lock);
	if (!node_filled(n)) /* no other thread filled it meanwhile */
		r = fill(a, dir, most, err);
	pthread_mutex_unlock(&a->lock);
	return r;
}

void archive_resize(struct archive *a)
{
	uint32_t count = atomic_load(&a->tree.count);
	atomic_fetch_add(&a->resized, 1);
	for (uint32_t i = TREE_ROOT + 1; i < count; i++) {
		struct node *n = tree_node(&a->tree, i);
		if (n && n->kind == NODE_LAZY)
			atomic_store(&n->size, SIZE_UNKNOWN);
	}
	if (a->within)
		archive_resize(a->within);
}

void archive_cancel_prefetch(struct archive *a)
{
	struct archive *inner;
	blocks_cancel_prefetch(a->options->blocks, &a->blocks);
	for (uint32_t i = 0; (inner = graft_at(a, i)); i++)
		archive_cancel_prefetch(inner);
}

bool archive_making(struct archive *a)
{
	struct archive *inner;
	bool making = blocks_making(a->options->blocks, &a->blocks);
	for (uint32_t i = 0; !making && (inner = graft_at(a, i)); i++)
		making = archive_making(inner);
	return making;
}

static int read_fault(const struct node *n, struct error *err)
{
	const struct attr *why = node_error(n);
	return error_set(err, EIO, "%.*s", why ? (int)why->value.len : 0, why ? (const char *)why->value.data : "");
}

static int find_size(struct archive *a, struct node *n, uint64_t *ret, struct error *err)
{
	int r = 0;

	*ret = n->kind == NODE_DIR ? 0 : atomic_load_explicit(&n->size, memory_order_acquire);
	if (*ret != SIZE_UNKNOWN)
		return 0;
	/* No lock, as decoding may take long; concurrent callers find the same size. */
	if (n->kind == NODE_FAULT)
		r = read_fault(n, err);
	else
		r = a->format->size ? a->format->size(a, n, ret, err) : error_set(err, EIO, "a size that nobody tells");
	if (r == 0 && *ret > INT64_MAX)
		r = error_set(err, EIO, "a size of %" PRIu64 " bytes", *ret);
	if (r == 0)
		atomic_store_explicit(&n->size, *ret, memory_order_release);
	else
		*ret = 0;
	return r;
}

int archive_size(struct archive *a, struct node *n, uint64_t *ret, struct error *err)
{
	for (;;) {
		unsigned then = atomic_load(&a->resized);
		int r = find_size(a, n, ret, err);
		if (atomic_load(&a->resized) == then)
			return r;
		if (n->kind == NODE_LAZY) /* the stored size may predate the resize */
			atomic_store(&n->size, SIZE_UNKNOWN);
	}
}

static int read_range(struct archive *a, const struct node *n, uint64_t offset, uint64_t len,
		      struct answer *ret, struct error *err)
{
	return answer_source(ret, archive_source(a, n->source), n->offset + offset, len, err);
}

bool archive_finds_end(const struct archive *a, const struct node *n)
{
	return n->kind == NODE_LAZY && a->format->finds_end && atomic_load_explicit(&n->size, memory_order_acquire) == SIZE_UNKNOWN;
}

static int read_once(struct archive *a, struct node *n, uint64_t offset, uint64_t len,
		     struct answer *ret, struct error *err)
{
	uint64_t size = UINT64_MAX;
	bool finds_end = archive_finds_end(a, n);
	int r = finds_end ? 0 : archive_size(a, n, &size, err);
	if (r < 0)
		return r;
	if (offset >= size)
		return 0;
	if (len > size - offset)
		len = size - offset;
	switch ((enum node_kind)n->kind) {
	case NODE_DIR:
		return error_set(err, EISDIR, "a directory");
	case NODE_LINK:
	case NODE_HARD:
		return error_set(err, EINVAL, "a link");
	case NODE_RANGE:
		r = read_range(a, n, offset, len, ret, err);
		break;
	case NODE_BYTES:
		return answer_bytes(ret, (const uint8_t *)n->bytes + offset, (size_t)len);
	case NODE_FAULT:
		return read_fault(n, err);
	case NODE_LAZY:
		r = a->format->read ? a->format->read(a, n, offset, len, ret, err)
				    : error_set(err, EIO, "a file that nobody reads");
		break;
	}
	if (r == -EINTR) /* the reader has gone: what was to come after it is not needed, either */
		archive_cancel_prefetch(a);
	if (r < 0 || (finds_end ? ret->len > len : ret->len != len))
		answer_reset(ret);
	else
		return 0;
	return r < 0 ? r : error_set(err, EIO, "the reader answered other than %" PRIu64 " bytes", len);
}

int archive_read_settled(archive_reading *read, struct archive *a, struct node *n, uint64_t offset, uint64_t len,
			 struct answer *ret, struct error *err)
{
	for (;;) {
		unsigned then = atomic_load(&a->resized);
		struct error why = {0};
		int r = read(a, n, offset, len, ret, &why);
		if (r < 0)
			answer_reset(ret);
		if (atomic_load(&a->resized) == then)
			return r < 0 ? error_set(err, -r, "%s", why.text) : r;
		answer_reset(ret);
	}
}

int archive_read(struct archive *a, struct node *n, uint64_t offset, uint64_t len,
		 struct answer *ret, struct error *err)
{
	return archive_read_settled(read_once, a, n, offset, len, ret, err);
}
