/* SPDX-License-Identifier: MIT */
/* A tensor's bytes, joined from its chunks: long runs as they lie in the files, short ones copied. */
#include <inttypes.h>

#include "formats/torch/dcp.h"

/* DIRECT: runs of so many bytes are not copied; TOGETHER: so many are copied at a time. */
enum { DIRECT = 16 << 10, TOGETHER = 1 << 20, SOURCES = 64 };

struct reading {
	const struct dcp *d;
	const struct dcp_tensor *t;
	struct error *err;

	/* Sources of copied runs, and how far these reach: whether they are that long is asked once. */
	struct reached {
		const struct source *source;
		uint64_t end;
	} reached[SOURCES];
};

/* The run at a byte of the tensor, cut to `len`; its slice is open. */
static int find_run(const struct reading *q, uint64_t at, uint64_t len, struct dcp_run *ret)
{
	*ret = dcp_locate(q->t, at);
	if (!ret->chunk)
		return error_set(q->err, EIO, "no chunk covers byte %" PRIu64, at);
	ret->len = ret->len < len ? ret->len : len;
	return dcp_slice_open(q->d, q->t, ret->chunk, q->err);
}

static struct source *source_of(const struct reading *q, const struct dcp_run *run)
{
	return archive_source(q->d->a, q->d->files[run->chunk->slice->file].source);
}

/* --- runs that are copied ------------------------------------------------------------------------ */

static int check_reached(const struct reading *q, const struct reached *r)
{
	if (!r->source || source_intact(r->source, r->end - 1, 1))
		return 0;
	return error_set(q->err, EIO, "the file was cut short before byte %" PRIu64, r->end);
}

/* Bytes of the source were copied: are they what they seem? */
static int reach(struct reading *q, uint32_t file, const struct source *s, uint64_t begin, uint64_t len)
{
	struct reached *slot = &q->reached[file % SOURCES];
	int r = slot->source == s ? 0 : check_reached(q, slot);
	if (slot->source != s)
		*slot = (struct reached){s, 0};
	slot->end = slot->end > begin + len ? slot->end : begin + len;
	if (r == 0 && !source_sound(s, begin, len))
		r = error_set(q->err, EIO, "the file cannot be read at byte %" PRIu64, begin);
	return r;
}

static int copy_run(struct reading *q, const struct dcp_run *run, uint8_t *out)
{
	struct source *s = source_of(q, run);
	uint64_t at = run->chunk->slice->data + run->at;
	struct slice bytes;
	int r = source_map(s, at, run->len, &bytes, q->err);
	if (r < 0)
		return r;
	source_enter(s);
	memcpy(out, bytes.data, bytes.len);
	source_leave_unchecked();
	return reach(q, run->chunk->slice->file, s, at, run->len);
}

/* Elements of a chunk that do not lie in C order. */
static int answer_view(const struct reading *q, const struct dcp_run *run, struct answer *ret)
{
	struct node n = {.kind = NODE_LAZY, .lazy = run->chunk->slice->view};
	return strided_read(q->d->a, &n, run->at, run->len, ret, q->err);
}

static int copy_view(const struct reading *q, const struct dcp_run *run, const struct answer *whole, uint8_t *out)
{
	struct answer part;
	answer_init(&part);
	part.gone = whole->gone;
	int r = answer_view(q, run, &part);
	if (r == 0)
		r = part.len == run->len ? answer_copy(&part, out, q->err) : error_set(q->err, EIO, "a chunk that ends early");
	answer_close(&part);
	return r;
}

/* Copies all of [at, at + len), which begins with the run. */
static int copy_runs(struct reading *q, struct dcp_run run, uint64_t at, uint64_t len, struct answer *ret)
{
	uint8_t *out;
	int r = answer_own(ret, (size_t)len, &out);
	memset(q->reached, 0, sizeof q->reached);
	while (r == 0) {
		r = run.chunk->slice->view ? copy_view(q, &run, ret, out) : copy_run(q, &run, out);
		at += run.len;
		out += run.len;
		len -= run.len;
		if (r < 0 || len == 0)
			break;
		r = ret->gone && *ret->gone ? error_set(q->err, EINTR, "nobody waits for it any more") : find_run(q, at, len, &run);
	}
	for (unsigned i = 0; r == 0 && i < SOURCES; i++)
		r = check_reached(q, &q->reached[i]);
	return r;
}

/* --- a read ----------------------------------------------------------------------------------------- */

int dcp_read(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	struct reading q = {.d = a->priv, .t = n->lazy, .err = err};
	struct dcp_run run;
	uint64_t some;
	int r = 0;
	for (; r == 0 && len > 0; offset += some, len -= some) {
		if ((r = find_run(&q, offset, len, &run)) < 0)
			break;
		some = run.len;
		if (run.len < DIRECT && run.len < len) {
			some = len < TOGETHER ? len : TOGETHER;
			r = copy_runs(&q, run, offset, some, ret);
		} else if (run.chunk->slice->view) {
			r = answer_view(&q, &run, ret);
		} else {
			r = answer_source(ret, source_of(&q, &run), run.chunk->slice->data + run.at, run.len, err);
		}
	}
	return r;
}
