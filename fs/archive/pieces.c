/* SPDX-License-Identifier: MIT */
#include "fs/archive/pieces.h"

/* The most pieces to prefetch at once for one range. */
enum { RANGE_MOST = 4096 };

/* How far one read has prefetched. */
struct frontier {
	bool begun;
	uint64_t next;  /* the first that was not */
	uint64_t last;  /* the furthest that the reader needs so far, */
	uint64_t ahead; /* and how many after it are wanted */
};

void pieces_repeat(struct slice unit, uint64_t at, uint64_t len, uint8_t *to)
{
	uint64_t done = 0, skip = at % unit.len, n;
	for (; done < len && done < unit.len; done += n) { /* one unit, turned so that it begins where we do */
		n = done ? skip : unit.len - skip;
		n = n < len - done ? n : len - done;
		memcpy(to + done, unit.data + (done ? 0 : skip), (size_t)n);
	}
	for (; done < len; done += n) { /* whole units, but for the last time */
		n = done < len - done ? done : len - done;
		memcpy(to + done, to, (size_t)n);
	}
}

void piece_number(struct piece *piece, int64_t number, uint32_t width)
{
	memcpy(piece->own, &number, sizeof piece->own);
	piece->kind = PIECE_PATTERN;
	piece->pattern = (struct slice){piece->own, width};
}

/* --- ahead of the reader --------------------------------------------------------------- */

/* How many units of `bytes` bytes are worth prefetching. */
static uint64_t worth(const struct pieces *p, uint64_t bytes)
{
	uint64_t most = blocks_ahead(p->blocks, (size_t)bytes);
	if (p->most && most > p->most)
		most = p->most;
	return p->next.readers ? most / p->next.readers : most;
}

/* The same, for what is after the current pieces: as much as the reader has passed, and one more.  So a
 * reader that ends soon has cost little more than it read, and one that continues soon gets the full
 * amount. */
static uint64_t worth_ahead(const struct pieces *p)
{
	uint64_t most = blocks_ahead(p->blocks, (size_t)p->bytes), fit, passed = p->bytes ? p->next.passed / p->bytes : most;
	if (p->together > most && !__builtin_mul_overflow(p->together, (uint64_t)p->next.readers * 8, &fit) &&
	    blocks_fit(p->blocks, (size_t)p->bytes, fit))
		return p->together;
	most = worth(p, p->bytes);
	return most <= passed ? most : passed + 1;
}

static uint64_t prefetch_range(struct pieces *p, uint64_t number, uint64_t last)
{
	for (unsigned n = 0; number <= last && number != PIECES_END && n < RANGE_MOST; n++)
		number = p->type->prefetch(p, number);
	return number;
}

/* Those from `first` to `last` are needed now; of those after them, none past `stop`. */
static void prefetch_ahead(struct pieces *p, struct frontier *r, uint64_t first, uint64_t last, uint64_t stop)
{
	if (r->begun && last <= r->last)
		return;
	if (r->ahead > 0)
		r->ahead--; /* the reader came one closer */
	if (!r->begun || r->next < first)
		*r = (struct frontier){.begun = true, .next = first};
	r->last = last;
	r->next = prefetch_range(p, r->next, last);
	if (r->next > stop || r->next == PIECES_END)
		return;
	for (uint64_t most = worth_ahead(p); r->ahead < most && r->next <= stop && r->next != PIECES_END; r->ahead++)
		r->next = p->type->prefetch(p, r->next);
}

/* The reader's next ranges, which may lie far apart. */
static void prefetch_strided(struct pieces *p)
{
	uint64_t at = p->next.offset, len = p->next.len;
	uint64_t left = worth(p, len > p->bytes ? len : p->bytes);
	for (; left > 0 && len > 0 && range_within(at, len, p->size); at += (uint64_t)p->next.stride, left--) {
		uint64_t first = p->type->find(p, at);
		prefetch_range(p, first, p->type->find(p, at + len - 1));
	}
}

void pieces_prefetch(struct pieces *p, uint64_t first, uint64_t last)
{
	struct frontier r = {0};
	if (!p->blocks)
		return;
	prefetch_ahead(p, &r, first, last, p->next.kind == READ_SEQUENTIAL ? PIECES_END : last);
	if (p->next.kind == READ_STRIDED)
		prefetch_strided(p);
}

/* --- a read ------------------------------------------------------------------------------- */

static int answer_piece(struct pieces *p, struct piece *piece, uint64_t at, uint64_t len, struct answer *ret, struct error *err)
{
	uint8_t *own;
	int r = 0;
	switch (piece->kind) {
	case PIECE_ANSWERED:
		break;
	case PIECE_ZEROS:
		return answer_zeros(ret, len);
	case PIECE_PATTERN:
		if ((r = answer_own(ret, (size_t)len, &own)) == 0)
			pieces_repeat(piece->pattern, piece->at + at, len, own);
		break;
	case PIECE_SOURCE:
		return answer_source(ret, piece->source, piece->at + at, len, err);
	case PIECE_BLOCK:
		if (p->next.kind == READ_SEQUENTIAL && !piece->shared && at + len == piece->end - piece->begin)
			blocks_drop_behind(piece->block);
		return blocks_answer(p->blocks, piece->block, (size_t)(piece->at + at), (size_t)len, ret);
	}
	return r;
}

int pieces_read(struct pieces *p, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	uint64_t end = offset + len, stop = 0;
	bool in_order = p->next.kind == READ_SEQUENTIAL;
	struct frontier reach = {0};
	int r = 0;
	for (uint64_t n; r == 0 && offset < end; offset += n) {
		struct piece piece = {0};
		if ((r = p->type->place(p, offset, end - offset, &piece, err)) < 0)
			return r;
		n = (piece.end < end ? piece.end : end) - offset;
		if (p->blocks && piece.number != PIECES_END) {
			if (!reach.begun)
				stop = in_order ? PIECES_END : piece.end >= end ? piece.last : p->type->find(p, end - 1);
			/* Not the first: the reader decodes that itself, meanwhile. */
			prefetch_ahead(p, &reach, piece.number + 1, piece.last, stop);
		}
		r = p->type->get(p, &piece, offset - piece.begin, n, ret, err);
		if (r == 0)
			r = answer_piece(p, &piece, offset - piece.begin, n, ret, err);
	}
	if (r == 0 && p->blocks && p->next.kind == READ_STRIDED)
		prefetch_strided(p);
	return r;
}
