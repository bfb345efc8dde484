/* SPDX-License-Identifier: MIT */
#include "mount/commands/idmap.h"

#include <stdbool.h>
#include <stdlib.h>

static struct idmap_slot *slot_of(const struct idmap *m, uint64_t id)
{
	size_t i = (size_t)((id * 0x9e3779b97f4a7c15) >> 16) & m->mask;
	while (m->slots[i].id && m->slots[i].id != id)
		i = (i + 1) & m->mask;
	return &m->slots[i];
}

static bool grow(struct idmap *m)
{
	struct idmap grown = {.mask = m->slots ? m->mask * 2 + 1 : 63, .used = m->used};
	if (m->slots && m->used * 2 <= m->mask)
		return true;
	grown.slots = calloc(grown.mask + 1, sizeof *grown.slots);
	if (!grown.slots)
		return false;
	for (size_t i = 0; m->slots && i <= m->mask; i++)
		if (m->slots[i].id)
			*slot_of(&grown, m->slots[i].id) = m->slots[i];
	free(m->slots);
	*m = grown;
	return true;
}

uint64_t *idmap_at(struct idmap *m, uint64_t id)
{
	if (!grow(m))
		return NULL;
	struct idmap_slot *slot = slot_of(m, id);
	m->used += slot->id == 0;
	slot->id = id;
	return &slot->value;
}

uint64_t idmap_get(const struct idmap *m, uint64_t id)
{
	return m->slots ? slot_of(m, id)->value : 0;
}

void idmap_free(struct idmap *m)
{
	free(m->slots);
	*m = (struct idmap){0};
}
