/* SPDX-License-Identifier: MIT */
/* The nodes: making them, and queries about them. */
#include "formats/shared/pickle_impl.h"

#include <stdlib.h>

#include "fs/base/list.h"

/* Items, the last block first in the ring: its `next` is the first. */
struct pickle_block {
	struct pickle_block *next;
	uint32_t count, room;
	uint32_t items[];
};

/* Where a payload is: an offset in the content, of `count` bytes.  Or bytes of the arena, as marked. */
#define KEPT (UINT64_C(1) << 63) /* the bytes themselves */
#define WIDE (UINT64_C(1) << 62) /* a struct wide: `count` bytes are not enough */
struct wide {
	uint64_t offset, len;
};

enum { BLOCK_MAX = 4096, DIGITS_MAX = 64 << 10 };

/* --- making -------------------------------------------------------------------------- */

bool pickle_grow(struct pickle_machine *m, uint32_t **array, uint32_t *room)
{
	uint32_t more = *room ? *room * 2 : 256;
	more = more > PICKLE_VALUES_MAX ? PICKLE_VALUES_MAX : more;
	if (m->code || *room == PICKLE_VALUES_MAX) {
		pickle_fail_values(m);
		return false;
	}
	uint32_t *to = arena_array(m->p->scratch, more, sizeof *to);
	if (!to) {
		pickle_fail_memory(m);
		return false;
	}
	if (*room)
		memcpy(to, *array, *room * sizeof *to);
	*array = to;
	*room = more;
	return true;
}

bool pickle_more_nodes(struct pickle_machine *m)
{
	struct pickle *p = m->p;
	uint32_t k = p->room >> PICKLE_CHUNK_BITS;
	struct pickle_node **chunks = list_grow_in(p->keep, p->chunks, k, sizeof *chunks);
	struct pickle_node *chunk = chunks ? arena_array(p->keep, PICKLE_CHUNK, sizeof *chunk) : NULL;
	if (!chunk) {
		pickle_fail_memory(m);
		return false;
	}
	chunks[k] = chunk;
	p->chunks = chunks;
	p->room += PICKLE_CHUNK;
	return true;
}

uint32_t pickle_make(struct pickle_machine *m, enum pickle_kind kind)
{
	if (m->code)
		return 0;
	if (m->p->count == PICKLE_VALUES_MAX) {
		pickle_fail_values(m);
		return 0;
	}
	if (m->p->count + 1 == m->p->room && !pickle_more_nodes(m))
		return 0;
	pickle_node(m->p, ++m->p->count)->kind = (uint8_t)kind;
	return m->p->count;
}

uint32_t pickle_make_single(struct pickle_machine *m, enum pickle_kind kind, bool value)
{
	uint32_t *single = &m->interned[kind == PICKLE_NONE ? 0 : kind == PICKLE_TUPLE ? 1 : 2 + value];
	if (*single == 0 && (*single = pickle_make(m, kind)) && kind == PICKLE_BOOL)
		pickle_node(m->p, *single)->number = value;
	return *single;
}

uint32_t pickle_make_int(struct pickle_machine *m, int64_t value)
{
	uint32_t own = 0, *single = value >= 0 && value < 256 ? &m->interned[4 + value] : &own;
	if (*single == 0 && (*single = pickle_make(m, PICKLE_INT)))
		pickle_node(m->p, *single)->number = value;
	return *single;
}

void pickle_keep_word(struct pickle_machine *m, uint64_t offset, uint64_t len)
{
	struct pickle *p = m->p;
	if (p->nwords == PICKLE_WORDS_MAX || len > PICKLE_WORD_MAX)
		return;
	struct pickle_word *words = list_grow_in(p->keep, p->words, p->nwords, sizeof *words);
	if (!words) {
		pickle_fail_memory(m);
		return;
	}
	p->words = words;
	words[p->nwords] = (struct pickle_word){.offset = offset, .len = (uint8_t)len};
	memcpy(words[p->nwords++].bytes, m->pos, (size_t)len);
}

uint32_t pickle_make_range(struct pickle_machine *m, enum pickle_kind kind, uint64_t offset, uint64_t len)
{
	uint32_t made = pickle_make(m, kind);
	struct pickle_node *n = pickle_node(m->p, made);
	if (!made || len <= UINT32_MAX) {
		n->count = (uint32_t)len;
		n->payload = offset;
		return made;
	}
	struct wide *wide = arena_alloc(m->p->keep, sizeof *wide);
	if (!wide) {
		pickle_fail_memory(m);
		return 0;
	}
	*wide = (struct wide){offset, len};
	n->count = UINT32_MAX;
	n->payload = WIDE | (uintptr_t)wide;
	return made;
}

uint32_t pickle_make_kept(struct pickle_machine *m, enum pickle_kind kind, const uint8_t *bytes, size_t len)
{
	uint32_t made = pickle_make(m, kind);
	struct pickle_node *n = pickle_node(m->p, made);
	if (len > UINT32_MAX)
		pickle_fail(m, ENOTSUP, "a line of more than 4 GiB");
	n->count = (uint32_t)len;
	n->payload = KEPT | (uintptr_t)bytes;
	return made;
}

static struct pickle_block *new_block(struct pickle_machine *m, uint32_t room)
{
	struct pickle_block *b = arena_alloc(m->p->keep, sizeof *b + (size_t)room * sizeof *b->items);
	if (b)
		b->room = room;
	else
		pickle_fail_memory(m);
	return b;
}

static void fill(struct pickle_block *b, const uint32_t *items, uint32_t count)
{
	memcpy(b->items + b->count, items, count * sizeof *items);
	b->count += count;
}

/* Room for at least `least` more, and more the more there are. */
static bool add_block(struct pickle_machine *m, struct pickle_node *n, uint32_t least)
{
	uint32_t room = n->count < BLOCK_MAX ? n->count : BLOCK_MAX;
	struct pickle_block *b = new_block(m, room > least ? room : least);
	if (!b)
		return false;
	b->next = n->last ? n->last->next : b;
	if (n->last)
		n->last->next = b;
	n->last = b;
	return true;
}

void pickle_extend(struct pickle_machine *m, struct pickle_node *n, const uint32_t *items, uint32_t count)
{
	if (m->code || count > UINT32_MAX - n->count) {
		pickle_fail_values(m);
		return;
	}
	uint32_t here = n->last ? n->last->room - n->last->count : 0;
	here = here < count ? here : count;
	if (here)
		fill(n->last, items, here);
	n->count += here;
	if (here < count && add_block(m, n, count - here)) {
		fill(n->last, items + here, count - here);
		n->count += count - here;
	}
}

/* Nothing is appended to a tuple, and most have few items: two fit in the node. */
static void set_tuple(struct pickle_machine *m, struct pickle_node *n, const uint32_t *items, uint32_t count)
{
	uint32_t *to = count > 2 ? arena_aligned(m->p->keep, count * sizeof *to, sizeof *to) : n->pair;
	if (!to) {
		pickle_fail_memory(m);
		return;
	}
	if (count > 2)
		n->items = to;
	n->count = count;
	memcpy(to, items, count * sizeof *to);
}

uint32_t pickle_make_items(struct pickle_machine *m, enum pickle_kind kind, const uint32_t *items, uint32_t n)
{
	if (n == 0 && kind == PICKLE_TUPLE)
		return pickle_make_single(m, PICKLE_TUPLE, false);
	uint32_t made = pickle_make(m, kind);
	if (made && kind == PICKLE_TUPLE)
		set_tuple(m, pickle_node(m->p, made), items, n);
	else if (made)
		pickle_extend(m, pickle_node(m->p, made), items, n);
	return made;
}

/* A text of at most PICKLE_NAME bytes.  Outside the window it is read again, as often as a
 * reasonable pickle needs. */
static struct slice name_of(struct pickle_machine *m, uint32_t number, unsigned slot)
{
	const struct pickle_node *n = pickle_node(m->p, number);
	struct pickle_far *far = &m->far[slot];
	struct slice s = {NULL, 0};
	struct content in;
	if (pickle_size(n) > PICKLE_NAME)
		return s;
	if (!pickle_bytes(m->p, n, &in))
		return (struct slice){(const uint8_t *)(uintptr_t)(n->payload & ~KEPT), n->count};
	if (n->payload >= m->from && range_within(n->payload - m->from, n->count, (size_t)(m->end - m->bytes)))
		return (struct slice){m->bytes + (n->payload - m->from), n->count};
	if (far->node == number)
		return (struct slice){far->bytes, n->count};
	if (!far->bytes && !(far->bytes = arena_alloc(m->p->scratch, PICKLE_NAME))) {
		pickle_fail_memory(m);
		return s;
	}
	if (++m->far_reads > 4096)
		pickle_fail(m, ENOTSUP, "names of more than 4,096 globals lie elsewhere");
	if (m->code == 0)
		m->code = content_read(m->p->archive, m->p->in, n->payload, n->count, far->bytes, NULL, m->err);
	far->node = m->code ? 0 : number;
	return (struct slice){far->bytes, m->code ? 0 : n->count};
}

uint32_t pickle_make_global(struct pickle_machine *m, uint32_t module, uint32_t name)
{
	uint32_t made = pickle_make(m, PICKLE_GLOBAL);
	struct pickle_node *n = pickle_node(m->p, made);
	if (!made || !module || !name || m->code)
		return 0;
	n->pair[0] = module;
	n->pair[1] = name;
	if (m->p->known) {
		struct slice a = name_of(m, module, module % PICKLE_FAR), b = name_of(m, name, PICKLE_FAR);
		n->known = a.data && b.data && m->code == 0 ? m->p->known(a, b) : 0;
	}
	return m->code ? 0 : made;
}

/* --- asking -------------------------------------------------------------------------- */

struct pickle_walk pickle_items(const struct pickle_node *n)
{
	struct pickle_walk w = {0};
	if (n->kind == PICKLE_TUPLE)
		w.at = pickle_tuple(n), w.end = w.at + n->count;
	else if (n->kind > PICKLE_TUPLE && n->kind <= PICKLE_DICT && n->last)
		w.block = n->last->next, w.last = n->last;
	return w;
}

bool pickle_next_block(struct pickle_walk *w)
{
	struct pickle_block *b = w->block;
	if (!b)
		return false;
	w->at = b->items;
	w->end = b->items + b->count; /* of which it has some */
	w->block = b == w->last ? NULL : b->next;
	return true;
}

uint32_t pickle_list_item(const struct pickle_node *n, uint32_t i)
{
	const struct pickle_block *b = n->last->next;
	for (; i >= b->count; b = b->next)
		i -= b->count;
	return b->items[i];
}

static const struct wide *wide_of(const struct pickle_node *n)
{
	bool number = n->kind == PICKLE_INT || n->kind == PICKLE_FLOAT; /* which may have any bits */
	return !number && n->payload >> 62 == 1 ? (const struct wide *)(uintptr_t)(n->payload & ~WIDE) : NULL;
}

uint64_t pickle_size(const struct pickle_node *n)
{
	const struct wide *wide = wide_of(n);
	return wide ? wide->len : n->count;
}

bool pickle_bytes(const struct pickle *p, const struct pickle_node *n, struct content *ret)
{
	const struct wide *wide = wide_of(n);
	if (n->payload & KEPT)
		return false;
	*ret = content_part(p->in, wide ? wide->offset : n->payload, pickle_size(n));
	return true;
}

static int by_offset(const void *offset, const void *word)
{
	uint64_t a = *(const uint64_t *)offset, b = ((const struct pickle_word *)word)->offset;
	return (a > b) - (a < b);
}

/* Is the text in memory, as it is in the content at that offset? */
static bool at_hand(const struct pickle *p, uint64_t offset, uint64_t len, struct slice *ret)
{
	if (p->resident.bytes && offset >= p->resident.offset && range_within(offset - p->resident.offset, len, p->resident.len)) {
		*ret = (struct slice){p->resident.bytes + (offset - p->resident.offset), (size_t)len};
		return true;
	}
	const struct pickle_word *word = p->nwords && len <= PICKLE_WORD_MAX ? bsearch(&offset, p->words, p->nwords, sizeof *word, by_offset) : NULL;
	if (!word || word->len != len)
		return false;
	*ret = (struct slice){word->bytes, word->len};
	return true;
}

int pickle_text(const struct pickle *p, const struct pickle_node *n, struct arena *arena, uint64_t most, struct slice *ret,
		struct error *err)
{
	uint64_t size = pickle_size(n);
	struct content in;
	*ret = (struct slice){NULL, 0};
	if (size > most)
		return error_set(err, ENOTSUP, "pickle: a text of %" PRIu64 " bytes, over the limit of %" PRIu64, size, most);
	if (!pickle_bytes(p, n, &in)) {
		*ret = (struct slice){(const uint8_t *)(uintptr_t)(n->payload & ~KEPT), (size_t)size};
		return 0;
	}
	if (at_hand(p, in.offset - p->in->offset, size, ret))
		return 0;
	uint8_t *bytes = arena_alloc(arena, (size_t)size + 1);
	if (!bytes)
		return error_no_memory(err, "a text of a pickle");
	*ret = (struct slice){bytes, (size_t)size};
	return content_read(p->archive, &in, 0, (size_t)size, bytes, NULL, err);
}

/* --- long integers ------------------------------------------------------------------- */

enum {
	LONG_MAX_BYTES = 27216,               /* 64 KiB of digits, and a sign */
	LIMBS = LONG_MAX_BYTES / 4,           /* base 2^32 */
	PARTS = LONG_MAX_BYTES * 10 / 37 + 2, /* base 10^9, of 29.9 bits */
};

/* The amount of a two's complement, little-endian; true if it is below zero. */
static bool to_limbs(const uint8_t *bytes, size_t len, uint32_t limbs[LIMBS])
{
	bool negative = len && bytes[len - 1] >= 0x80;
	uint32_t carry = negative;
	memset(limbs, 0, LIMBS * sizeof *limbs);
	for (size_t i = 0; i < len; i++) {
		uint32_t byte = (negative ? bytes[i] ^ 0xffu : bytes[i]) + carry;
		carry = byte >> 8;
		limbs[i / 4] |= (byte & 0xff) << i % 4 * 8;
	}
	return negative; /* no carry is left: only zero has one, and is not negative */
}

static size_t to_parts(uint32_t limbs[LIMBS], uint32_t parts[PARTS])
{
	size_t n = LIMBS, made = 0;
	for (;;) {
		while (n && limbs[n - 1] == 0)
			n--;
		if (n == 0)
			return made;
		uint64_t rest = 0;
		for (size_t i = n; i-- > 0;) {
			rest = rest << 32 | limbs[i];
			limbs[i] = (uint32_t)(rest / 1000000000);
			rest %= 1000000000;
		}
		parts[made++] = (uint32_t)rest;
	}
}

static int too_many_digits(struct error *err)
{
	return error_set(err, ENOTSUP, "pickle: a number of more than 65,536 digits");
}

int pickle_decimal(const struct pickle *p, const struct pickle_node *n, struct text *ret, struct error *err)
{
	uint8_t bytes[LONG_MAX_BYTES];
	uint32_t limbs[LIMBS], parts[PARTS];
	struct content in;
	if (n->kind != PICKLE_LONG) {
		text_print(ret, "%" PRId64, n->number);
		return 0;
	}
	uint64_t size = pickle_size(n);
	if (!pickle_bytes(p, n, &in)) {
		struct slice s = {(const uint8_t *)(uintptr_t)(n->payload & ~KEPT), (size_t)size};
		if (size - (s.data[0] == '-') > DIGITS_MAX)
			return too_many_digits(err);
		text_put(ret, s);
		return 0;
	}
	if (size > LONG_MAX_BYTES)
		return too_many_digits(err);
	int r = content_read(p->archive, &in, 0, (size_t)size, bytes, NULL, err);
	if (r)
		return r;
	bool negative = to_limbs(bytes, (size_t)size, limbs);
	size_t made = to_parts(limbs, parts), first = 0;
	for (uint32_t part = made ? parts[made - 1] : 0; part; part /= 10)
		first++;
	if (made && (made - 1) * 9 + first > DIGITS_MAX)
		return too_many_digits(err);
	text_print(ret, "%s%" PRIu32, negative ? "-" : "", made ? parts[made - 1] : 0);
	for (size_t i = made ? made - 1 : 0; i-- > 0;)
		text_print(ret, "%09" PRIu32, parts[i]);
	return 0;
}
