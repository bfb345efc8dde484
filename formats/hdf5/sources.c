/* SPDX-License-Identifier: MIT */
/* Which files hold a dataset's bytes: the archive's own, external files, and the sources of
 * a virtual dataset. */
#include "formats/hdf5/virtual.h"

/* A set of file numbers. */
struct marks {
	bool *marked;
	uint32_t room, count;
};

static void mark(struct marks *m, uint32_t number)
{
	if (number < m->room && !m->marked[number]) {
		m->marked[number] = true;
		m->count++;
	}
}

/* A store without sources is in the archive's own file alone. */
static void mark_store(struct marks *m, const struct h5_store *s)
{
	if (s->nsources == 0)
		mark(m, 0);
	for (uint32_t i = 0; i < s->nsources; i++)
		mark(m, s->sources[i]);
}

static void mark_all(struct marks *m, const struct h5_store *s)
{
	if (s->file->number > 0)
		mark(m, s->file->number);
	for (uint32_t i = 0; s->storage == H5_EXTERNALS && i < s->nexternals; i++)
		if (!s->externals[i].fault)
			mark(m, s->externals[i].source);
	for (uint32_t i = 0; s->storage == H5_VIRTUAL && i < s->nmappings; i++)
		if (s->mappings[i].source)
			mark_store(m, s->mappings[i].source);
	if (m->count == 0)
		mark(m, 0);
}

int h5_sources(struct arena *scratch, struct h5_store *s, struct error *err)
{
	struct archive *a = s->file->a;
	struct marks m = {.room = archive_sources(a)};
	if (s->file->number == 0 && s->storage != H5_EXTERNALS && s->storage != H5_VIRTUAL)
		return 0;
	m.marked = arena_array(scratch, m.room, sizeof *m.marked);
	if (!m.marked)
		return error_no_memory(err, "a dataset");
	mark_all(&m, s);
	uint32_t *list = arena_array(&a->arena, m.count, sizeof *list);
	if (!list)
		return error_no_memory(err, "a dataset");
	for (uint32_t i = 0; i < m.room; i++)
		if (m.marked[i])
			list[s->nsources++] = i;
	s->sources = list;
	return 0;
}

const uint32_t *h5_sources_of(const struct archive *a, const struct node *n, uint32_t *ret_count)
{
	const struct h5_node *h = n->lazy;
	const struct h5_store *s = h->kind == H5_NODE_STORE ? h->store : NULL;
	const struct h5_view *v = h->kind == H5_NODE_VIEW ? h->view
				  : h->kind == H5_NODE_OFFSETS || h->kind == H5_NODE_VALUES ? &h->vlen->of : NULL;
	(void)a;
	while (v && !v->store)
		v = &v->vlen->of;
	if (v)
		s = v->store;
	*ret_count = s ? s->nsources : 0;
	return s ? s->sources : NULL;
}
