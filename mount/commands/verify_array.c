/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "fs/archive/attrs.h"
#include "fs/mirror/open_archives.h"
#include "mount/commands/verify.h"

/* Has a file of the archive been written to since it was opened? */
static bool is_changed(struct archive *a)
{
	struct stat now;
	for (uint32_t i = 0; i < archive_sources(a); i++) {
		const struct source *s = archive_source(a, i);
		if (source_stat(s, &now) == 0 && !source_same(&s->st, &now))
			return true;
	}
	return false;
}

static void judge(struct archive *a, struct task *t, int r)
{
	if (r == 0)
		return;
	error_set(&t->why, -r, "%s", strerror(-r));
	t->verdict = VERDICT_FAULT;
	if (verify_is_trouble(r)) {
		t->verdict = VERDICT_TROUBLE;
	} else if (is_changed(a)) {
		t->verdict = VERDICT_TROUBLE;
		t->why.text[0] = '\0';
		error_set(&t->why, EIO, "changed while it was read");
	}
}

/* Reads bytes that are mapped, or fails where that is impossible. */
static int touch(const struct answer *a, struct error *err)
{
	const uintptr_t page = 4095;
	for (size_t i = 0; i < a->count; i++) {
		uintptr_t begin = (uintptr_t)a->spans[i].iov_base & ~page, end = (uintptr_t)a->spans[i].iov_base + a->spans[i].iov_len;
		if (madvise((void *)begin, end - begin, MADV_POPULATE_READ) < 0 && errno != EINVAL && errno != EPERM && errno != ENOMEM)
			return error_set(err, EIO, "the file was cut short, or cannot be read");
	}
	return 0;
}

/* The same path as --cat takes, piece by piece. */
static int read_all(struct verify *v, const struct mirror_ref *ref, uint64_t size, bool touched, struct error *err)
{
	enum { PIECE = 4 << 20 };
	int r = 0;
	for (uint64_t at = 0, n; r == 0 && at < size; at += n) {
		struct answer a;
		answer_init(&a);
		n = size - at < PIECE ? size - at : PIECE;
		r = mirror_read(v->opened.mirror, ref, -1, at, n, &a, err);
		if (r == 0 && a.len != n)
			r = error_set(err, EIO, "ends early, at byte %" PRIu64 " of %" PRIu64, at + a.len, size);
		if (r == 0 && !touched) {
			r = touch(&a, err);
			verify_progress(v, n);
		}
		answer_close(&a);
	}
	return r;
}

static int ignore(void *arg, const struct attr *attr)
{
	(void)arg, (void)attr;
	return 0;
}

/* Attributes that are read on demand have checksums, too. */
static int read_attrs(struct archive *a, const struct mirror_ref *ref, struct error *err)
{
	int r = a->format->attrs ? attrs_walk(a, ino_index(ref->ino), ref->node, ignore, NULL, err) : 0;
	return r == -ENOTSUP ? 0 : r;
}

static int fault_of(const struct node *n, struct error *err)
{
	const struct attr *why = node_error(n);
	return error_set(err, n->sound ? ENOTSUP : EBADMSG, "%.*s", why ? (int)why->value.len : 0,
			 why ? (const char *)why->value.data : "");
}

/* Is a file shown as it is because it is called an archive and cannot be shown as one? */
static bool is_no_archive(const struct node *n)
{
	return n->kind == NODE_RANGE && !n->array && node_error(n);
}

/* Of an archive that has checksums of its own, these are checked instead of the bytes that an
 * array is made of; and a file that is hashed is read anyway. */
void verify_node(struct verify *v, struct task *t)
{
	struct archive *a = &t->ref.open->archive;
	struct node *n = t->ref.node;
	uint64_t size = 0;
	int r = read_attrs(a, &t->ref, &t->why);
	bool lazy = n->kind == NODE_LAZY, read = lazy || n->kind == NODE_RANGE || n->kind == NODE_BYTES;
	bool checked = a->format->checks && !(a->format->unchecked && a->format->unchecked(a, ino_index(t->ref.ino)));
	bool touched = (a->format->checks && !lazy) || (n->kind == NODE_RANGE && verify_is_hashed(v, &archive_source(a, n->source)->st));
	if (r == 0 && (n->kind == NODE_FAULT || is_no_archive(n)))
		r = fault_of(n, &t->why);
	if (r == 0 && read)
		r = archive_size(a, n, &size, &t->why);
	if (r == 0 && read && !(lazy && checked))
		r = read_all(v, &t->ref, size, touched, &t->why);
	judge(a, t, r);
}

void verify_check(struct verify *v, struct task *t)
{
	struct archive *a = &t->ref.open->archive;
	judge(a, t, check_run(a, &t->check, verify_progress, v, &t->why));
}
