/* SPDX-License-Identifier: MIT */
/* The pass over all records: its workers, each of which takes the next span and adds what it found there. */
#include "formats/shared/records_pass.h"

#include <stdlib.h>

#include "fs/base/list.h"

enum {
	WIDE = 8192,          /* columns: then few workers, since each has all of them */
	WORKERS_WIDE = 2,
	WORKERS_MOST = 64,
	HELD_LEAST = 32 << 20, /* bytes of a span that is decoded */
};

struct worker {
	struct records_scan scan;
	struct records_private private;
	struct records_reader reader;
	struct arena arena;
	struct error err;
	struct records_pass *pass;
	unsigned number;
	uint64_t span;
	pthread_t thread;
};

/* --- what comes next --------------------------------------------------------------------------- */

static int append(struct worker *w, const struct answer *answer)
{
	struct records_pass *p = w->pass;
	int r = records_reader_room(&w->reader, p->carried + (size_t)answer->len, &w->err);
	if (r == 0)
		r = answer_copy(answer, w->reader.own + p->carried, &w->err);
	if (r < 0)
		return r;
	uint64_t skip = p->skip < answer->len ? p->skip : answer->len; /* nothing is carried before that is passed */
	memmove(w->reader.own + p->carried, w->reader.own + p->carried + skip, (size_t)(answer->len - skip));
	p->carried += (size_t)(answer->len - skip);
	p->skip -= skip;
	return 0;
}

/* Continues decoding until there are `want` bytes from p->next on, in the worker's memory. */
static int decode_on(struct worker *w, size_t want)
{
	struct records_pass *p = w->pass;
	struct stream *s = p->t->bytes.stream;
	int r = 0;
	while (r == 0 && p->carried < want && !p->last) {
		struct answer answer;
		answer_init(&answer);
		r = stream_stretch(s, p->stretch++, &answer, &p->last, &w->err);
		if (r == 0)
			r = append(w, &answer);
		answer_close(&answer);
	}
	if (r == 0 && p->last)
		p->size = p->next + p->carried;
	return r;
}

/* The bytes from p->next on, `want` of them if there are that many. */
static int look_on(struct worker *w, uint64_t want, struct records_span *ret)
{
	struct records_pass *p = w->pass;
	if (!p->t->bytes.stream)
		return records_reader_map(&w->reader, p->next, want, ret, &w->err);
	int r = decode_on(w, (size_t)want);
	*ret = (struct records_span){w->reader.own, p->carried, p->next, p->last};
	return r;
}

/* What was decoded before is in the previous worker's memory. */
static int take_over(struct worker *w)
{
	struct records_pass *p = w->pass;
	int r = p->carried ? records_reader_room(&w->reader, p->carried, &w->err) : 0;
	if (r == 0 && p->carried)
		memcpy(w->reader.own, p->carry, p->carried);
	return r;
}

static int hand_on(struct worker *w, const struct records_span *s, uint64_t end)
{
	struct records_pass *p = w->pass;
	size_t used = (size_t)(end - s->at), left = s->len - used;
	if (left > p->carry_room) {
		uint8_t *grown = realloc(p->carry, left);
		if (!grown)
			return error_no_memory(&w->err, "records");
		p->carry = grown;
		p->carry_room = left;
	}
	if (left)
		memcpy(p->carry, s->bytes + used, left);
	p->carried = left;
	return 0;
}

/* Finds where the span that begins at p->next ends. */
static int find_end(struct worker *w, struct records_span *s, uint64_t *ret)
{
	struct records_pass *p = w->pass;
	const struct records_table *t = p->t;
	uint64_t limit = t->end == UINT64_MAX ? UINT64_MAX : t->end - p->next;
	for (uint64_t want = 2 * RECORDS_SPAN;; want *= 2) {
		int r = look_on(w, want < limit ? want : limit, s);
		if (r < 0)
			return r;
		if (s->len >= limit) {
			s->len = (size_t)limit;
			s->last = true;
		}
		if (s->len == 0)
			return 0;
		uint64_t end = s->at + s->len, target = s->len > RECORDS_SPAN ? s->at + RECORDS_SPAN : end;
		*ret = s->last && target == end ? end : t->kind->split(t, s, s->at, target);
		if (*ret < RECORDS_NO_MORE)
			return 0;
		if (s->last || *ret == RECORDS_NO_MORE) {
			p->size = *ret = end; /* of a stream */
			s->last = true;
			return 0;
		}
		if (want > UINT64_MAX / 4)
			return error_set(&w->err, EBADMSG, "a record without an end");
	}
}

/* The next span, whole records: *ret is false if there is none. */
static int take_next(struct worker *w, bool *ret)
{
	struct records_pass *p = w->pass;
	struct records_span s = {0};
	uint64_t end = 0;
	bool stream = p->t->bytes.stream;
	*ret = false;
	if (p->ended)
		return 0;
	int r = stream ? take_over(w) : 0;
	if (r == 0)
		r = find_end(w, &s, &end);
	if (r == 0 && stream)
		r = hand_on(w, &s, s.len ? end : s.at);
	if (r < 0 || s.len == 0) {
		p->ended = true;
		return r;
	}
	w->span = p->span++;
	p->next = end;
	s.last = s.last && end == s.at + s.len;
	s.len = (size_t)(end - s.at);
	w->scan.span = s;
	p->ended = s.last;
	*ret = true;
	return 0;
}

/* --- what was passed ------------------------------------------------------------------------------ */

static bool widen_slots(struct records_pass *p, uint64_t count)
{
	while (p->nslots < count) {
		struct slot *grown = list_grow(p->slots, p->nslots, sizeof *grown);
		if (!grown)
			return false;
		p->slots = grown;
		p->slots[p->nslots++] = (struct slot){.at = UINT64_MAX};
		p->used += sizeof *grown;
	}
	return true;
}

static bool widen_sums(struct records_pass *p, struct slot *s)
{
	if (s->room >= p->count)
		return true;
	uint64_t *grown = realloc(s->sums, p->count * 2 * sizeof *grown);
	if (!grown)
		return false;
	memset(grown + 2 * s->room, 0, (p->count - s->room) * 2 * sizeof *grown);
	p->used += (p->count - s->room) * 2 * sizeof *grown;
	s->sums = grown;
	s->room = p->count;
	return true;
}

static bool add_slot(struct records_pass *p, struct slot *to, struct slot *from)
{
	to->at = from->at < to->at ? from->at : to->at;
	to->rows += from->rows;
	to->bad += from->bad;
	if (from->room > to->room && !widen_sums(p, to))
		return false;
	for (uint32_t i = 0; i < 2 * from->room; i++)
		to->sums[i] += from->sums[i];
	p->used -= from->room * 2 * sizeof *from->sums;
	free(from->sums);
	*from = (struct slot){.at = UINT64_MAX};
	return true;
}

bool records_halve_slots(struct records_pass *p)
{
	for (uint64_t i = 1; i < p->nslots; i++) {
		if (i % 2 && !add_slot(p, &p->slots[i - 1], &p->slots[i]))
			return false;
		if (i % 2 == 0) {
			p->slots[i / 2] = p->slots[i];
			p->slots[i].sums = NULL;
			p->slots[i].room = 0;
		}
	}
	p->nslots = (p->nslots + 1) / 2;
	p->used = p->nslots * sizeof *p->slots;
	for (uint64_t i = 0; i < p->nslots; i++)
		p->used += p->slots[i].room * 2 * sizeof(uint64_t);
	p->shift++;
	return true;
}

static bool add_columns(struct records_pass *p, struct worker *w, struct slot *s)
{
	for (uint32_t i = 0; i < w->private.count; i++) {
		struct records_column *c = w->private.all[i], *common = p->columns[c->number];
		if (c->count == 0 && c->total == 0 && (c->seen & ~common->seen) == 0)
			continue;
		records_join(common, c);
		if ((c->total || c->raw) && !widen_sums(p, s))
			return false;
		if (c->total || c->raw) {
			s->sums[2 * c->number] += c->total;
			s->sums[2 * c->number + 1] += c->raw;
		}
		c->count = c->nulls = c->total = c->raw = c->lists = c->empties = 0;
	}
	return true;
}

static bool add_overwritten(struct records_pass *p, struct worker *w)
{
	for (uint32_t i = 0; i < w->private.noverwritten; i++) {
		uint64_t *grown = list_grow(p->overwritten, p->noverwritten, sizeof *grown);
		if (!grown)
			return false;
		p->overwritten = grown;
		grown[p->noverwritten++] = w->private.overwritten[i];
	}
	w->private.noverwritten = 0;
	return true;
}

static void advance(struct records_pass *p)
{
	while (p->done[p->low % WINDOW]) {
		p->before += p->units[p->low % WINDOW];
		p->done[p->low % WINDOW] = false;
		p->low++;
	}
	pthread_cond_broadcast(&p->passed);
}

/* Adds what the worker found in its span. */
static int add_span(struct worker *w)
{
	struct records_pass *p = w->pass;
	struct records_scan *scan = &w->scan;
	bool fits = widen_slots(p, (w->span >> p->shift) + 1);
	struct slot *s = fits ? &p->slots[w->span >> p->shift] : NULL;
	if (!s || !add_columns(p, w, s) || !add_overwritten(p, w))
		return error_no_memory(&w->err, "its index");
	s->at = scan->span.at < s->at ? scan->span.at : s->at;
	s->rows += scan->rows;
	s->bad += scan->bad;
	p->told |= scan->told;
	if (scan->end != UINT64_MAX) {
		p->end = scan->end;
		p->end_bad = scan->end_bad;
	}
	if (p->noverwritten > RECORDS_REPEATED)
		return error_set(&w->err, ENOTSUP, "over %d fields that come twice in one record", RECORDS_REPEATED);
	while (p->used > RECORDS_INDEX_MOST && p->nslots > 1)
		if (!records_halve_slots(p))
			return error_no_memory(&w->err, "its index");
	p->units[w->span % WINDOW] = scan->units;
	p->done[w->span % WINDOW] = true;
	advance(p);
	return 0;
}

/* If several fail, the first in the file is reported. */
static void note_failure(struct worker *w, int r, bool broken)
{
	struct records_pass *p = w->pass;
	if (p->failed && p->failed_span <= w->span)
		return;
	p->failed = r;
	p->failed_span = w->span;
	p->failed_units = w->scan.units;
	p->broken = broken && r == -EBADMSG;
	p->why = w->err;
	pthread_cond_broadcast(&p->passed);
}

/* --- workers ---------------------------------------------------------------------------------------- */

/* As few spans as fit the window are ahead of the slowest. */
static bool go_on(struct worker *w)
{
	struct records_pass *p = w->pass;
	pthread_mutex_lock(&p->lock);
	while (!p->failed && p->span >= p->low + WINDOW - WORKERS_MOST)
		pthread_cond_wait(&p->passed, &p->lock);
	bool on = !p->failed && (w->number < WORKERS_WIDE || p->count < WIDE);
	pthread_mutex_unlock(&p->lock);
	return on;
}

static int scan_span(struct worker *w)
{
	struct records_scan *scan = &w->scan;
	struct records_span span = scan->span;
	scan->rows = scan->bad = scan->units = 0;
	scan->end = UINT64_MAX;
	scan->end_bad = scan->told = false;
	int r = w->pass->t->kind->scan(scan);
	int left = records_reader_leave(&w->reader, &span, &w->err);
	return left < 0 ? left : r;
}

static void tell_progress(const struct worker *w)
{
	const struct archive_records *o = &w->pass->a->options->records;
	if (w->number == 0 && o->progress && !w->pass->t->bytes.stream)
		o->progress(o->arg, w->scan.span.at, w->pass->a->source.size);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct records_pass *p = w->pass;
	bool more = true;
	while (more && go_on(w)) {
		pthread_mutex_lock(&p->take);
		int r = take_next(w, &more);
		if (r < 0)
			w->span = p->span;
		pthread_mutex_unlock(&p->take);
		bool scanned = r == 0 && more;
		if (scanned)
			r = scan_span(w);
		pthread_mutex_lock(&p->lock);
		if (r == 0 && more)
			r = add_span(w);
		if (r < 0)
			note_failure(w, r, scanned);
		more = more && r == 0;
		pthread_mutex_unlock(&p->lock);
		tell_progress(w);
	}
	return NULL;
}

static int open_worker(struct records_pass *p, struct worker *w, unsigned number, size_t most)
{
	w->pass = p;
	w->number = number;
	w->arena = arena_apart(&p->a->arena);
	w->reader = (struct records_reader){.bytes = &p->t->bytes, .most = most};
	w->private.pass = p;
	w->scan = (struct records_scan){.table = p->t, .arena = &w->arena, .archive = p->a, .err = &w->err, .private = &w->private};
	w->scan.root = arena_alloc(&w->arena, sizeof *w->scan.root);
	w->private.all = list_grow(NULL, 0, sizeof(void *));
	if (!w->scan.root || !w->private.all || !records_join_new(&w->scan, w->scan.root))
		return error_no_memory(&w->err, "its columns");
	w->private.all[w->private.count++] = w->scan.root;
	w->scan.root->before = p->t->before;
	return p->t->kind->begin ? p->t->kind->begin(&w->scan) : 0;
}

static void close_worker(struct worker *w)
{
	records_reader_close(&w->reader);
	arena_free(&w->arena);
	free(w->private.all);
	free(w->private.overwritten);
}

static unsigned workers_for(const struct records_pass *p)
{
	unsigned most = p->a->options->blocks ? blocks_threads(p->a->options->blocks) : 1;
	uint64_t spans = p->a->source.size / RECORDS_SPAN + 1;
	most = most < WORKERS_MOST ? most : WORKERS_MOST;
	return spans < most && !p->t->bytes.stream ? (unsigned)spans : most;
}

/* The first is the caller's thread; if no more can be started, it is alone. */
static int run_workers(struct records_pass *p, struct worker *all, unsigned count, struct error *err)
{
	size_t most = p->a->options->memory / 4;
	unsigned opened = 0, started = 1;
	int r = 0;
	most = most > HELD_LEAST ? most : HELD_LEAST;
	while (opened < count && r == 0) {
		r = open_worker(p, &all[opened], opened, most);
		opened++;
	}
	if (r < 0)
		error_set(err, -r, "%s", all[opened - 1].err.text);
	while (r == 0 && started < count && pthread_create(&all[started].thread, NULL, work, &all[started]) == 0)
		started++;
	if (r == 0)
		work(&all[0]);
	for (unsigned i = 1; r == 0 && i < started; i++)
		pthread_join(all[i].thread, NULL);
	for (unsigned i = 0; i < opened; i++)
		close_worker(&all[i]);
	return r;
}

int records_run_workers(struct records_pass *p, struct error *err)
{
	unsigned count = workers_for(p);
	struct worker *all = calloc(count, sizeof *all);
	int r = all ? run_workers(p, all, count, err) : error_no_memory(err, "its workers");
	free(all);
	return r;
}
