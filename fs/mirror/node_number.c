/* SPDX-License-Identifier: MIT */
/* The inode numbers that a mirror shows: applies the rules of fs/mirror/number.h to nodes,
 * views and mirrored files. */
#include "fs/mirror/impl.h"

/* Each view of a node has its own number; .arrayfs itself and mirrored directories have only a
 * few. */
enum { VIEW_BITS = 3, TOP_BITS = 3 };

/* The first eight views of something have their numbers side by side, and so have the next
 * eight, elsewhere: there were eight at first, whose numbers must not change. */
static unsigned octave(enum view_id view) { return view >> VIEW_BITS; }
static uint64_t within(enum view_id view) { return view & ((1u << VIEW_BITS) - 1); }

/* log2 of the nodes that an archive's range has room for, and of those that it has room for if
 * the archive has more: of any. */
enum { NODE_BITS = 24, ANY_BITS = 29 };

struct number_owner mirror_owner(const struct source *s)
{
	const struct stat *st = &s->st;
	return (struct number_owner){.dev = st->st_dev, .ino = st->st_ino, .size = (uint64_t)st->st_size,
				     .mtime = (uint64_t)st->st_mtim.tv_sec * 1000000000 + (uint64_t)st->st_mtim.tv_nsec};
}

/* The first of the archive's numbers, looked up once. */
static uint64_t first_number(struct mirror *m, _Atomic uint64_t *known, struct number_owner owner, unsigned bits)
{
	uint64_t first = atomic_load_explicit(known, memory_order_relaxed);
	if (!first)
		atomic_store_explicit(known, first = numbers_range(&m->numbers, &owner, bits), memory_order_relaxed);
	return first;
}

/* An array shown by an index has the same number as in its own archive, one of several names under each. */
static uint64_t shared_number(struct mirror *m, struct open_archive *h, uint32_t index, const struct node *n)
{
	struct archive *a = &h->archive;
	struct number_owner owner = mirror_owner(archive_source(a, n->source));
	uint32_t ordinal = a->format->ordinal(a, index, n);
	owner.part = 1;
	return (n->source ? numbers_range(&m->numbers, &owner, NODE_BITS)
			  : first_number(m, &h->first_shared, owner, NODE_BITS)) + ordinal;
}

uint64_t mirror_node_number(struct mirror *m, struct open_archive *h, uint32_t index, enum view_id view)
{
	struct archive *a = &h->archive;
	const struct node *n = tree_node(&a->tree, index);
	const struct stat *st = &a->source.st;
	if (view == VIEW_NONE && index == TREE_ROOT)
		return numbers_file(&m->numbers, st->st_dev, st->st_ino);
	if (a->format->ordinal && (n->kind == NODE_RANGE || (n->kind == NODE_LAZY && n->links > 1)) && view == VIEW_NONE)
		return shared_number(m, h, index, n);
	struct number_owner owner = mirror_owner(&a->source);
	if (a->format->identity) {
		owner.part = a->format->identity(a, index, n) - octave(view);
		return numbers_hashed(&m->numbers, &h->numbers, &owner, index) | within(view);
	}
	unsigned bits = a->tree.made >> NODE_BITS ? ANY_BITS : NODE_BITS;
	owner.part -= octave(view);
	return first_number(m, &h->first_number[octave(view)], owner, bits + VIEW_BITS) + (within(view) << bits | index);
}

/* The number of a view of a mirrored directory or file, or of .arrayfs itself and its files. */
uint64_t view_number(struct mirror *m, dev_t dev, ino_t ino, enum view_id view, uint32_t index)
{
	struct number_owner owner = {.dev = dev, .ino = ino, .part = UINT64_MAX - octave(view)};
	uint64_t at = view == VIEW_TOP || view == VIEW_ORIGINAL ? (uint64_t)index << VIEW_BITS : 0;
	return numbers_range(&m->numbers, &owner, VIEW_BITS + TOP_BITS) + (at | within(view));
}

uint64_t mirror_number(struct mirror *m, const struct mirror_ref *ref, uint64_t ino)
{
	enum view_id view = ino_view(ino);
	const struct dentry *e = ref->dentry;
	if (view == VIEW_ORIGINAL)
		return original_number(m, e, ino_index(ino));
	if (ref->open && view != VIEW_TOP)
		return mirror_node_number(m, ref->open, ino_index(ino), view);
	if (view == VIEW_NONE)
		return numbers_file(&m->numbers, e->dev, e->ino);
	return view_number(m, e->dev, e->ino, view, ino_index(ino));
}
