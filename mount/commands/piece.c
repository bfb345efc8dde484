/* SPDX-License-Identifier: MIT */
#include "mount/commands/piece.h"

#include <inttypes.h>
#include <stdlib.h>

#include "fs/mirror/open_archives.h"

bool piece_is_mapped(const struct mirror_ref *ref)
{
	return ref->open && ref->node->kind == NODE_RANGE && !ino_view(ref->ino);
}

static int put_together(struct piece *p, uint64_t room, struct error *err)
{
	p->at = p->own = malloc(room ? (size_t)room : 1);
	p->mapped = NULL;
	return p->own ? answer_copy(&p->answer, p->own, err) : error_no_memory(err, "a piece of it");
}

int piece_read_some(struct mirror *m, const struct mirror_ref *ref, int fd, uint64_t offset, uint64_t len, struct piece *p,
		    struct error *err)
{
	struct archive *a = ref->open ? &ref->open->archive : NULL;
	*p = (struct piece){0};
	answer_init(&p->answer);
	int r = mirror_read(m, ref, fd, offset, len, &p->answer, err);
	if (r < 0)
		return error_set(err, -r, "%s", strerror(-r));
	p->len = p->answer.len;
	if (p->len > 0 && piece_is_mapped(ref)) {
		p->mapped = archive_source(a, ref->node->source);
		p->offset = ref->node->offset + offset;
		p->at = p->mapped->bytes + p->offset;
		return 0;
	}
	p->at = p->answer.count ? p->answer.spans[0].iov_base : NULL;
	bool in_place = p->answer.count == 1 && !(a && archive_maps(a, p->at, (size_t)p->len));
	return in_place ? 0 : put_together(p, p->len, err);
}

int piece_read(struct mirror *m, const struct mirror_ref *ref, int fd, uint64_t offset, uint64_t len, struct piece *p, struct error *err)
{
	int r = piece_read_some(m, ref, fd, offset, len, p, err);
	return r == 0 && p->len != len ? error_set(err, EIO, "ends early, at byte %" PRIu64, offset + p->len) : r;
}

int piece_pad(struct piece *p, uint64_t unit, struct error *err)
{
	uint64_t missing = (unit - p->len % unit) % unit;
	uint8_t *before = p->own;
	if (missing == 0)
		return 0;
	int r = put_together(p, p->len + missing, err);
	free(before);
	if (r == 0)
		memset(p->own + p->len, 0, (size_t)missing);
	return r;
}

int piece_fill(struct piece *p, uint8_t byte, uint64_t len, struct error *err)
{
	*p = (struct piece){.len = len};
	answer_init(&p->answer);
	p->at = p->own = malloc(len ? (size_t)len : 1);
	if (!p->own)
		return error_no_memory(err, "a piece of it");
	memset(p->own, byte, (size_t)len);
	return 0;
}

void piece_close(struct piece *p)
{
	answer_close(&p->answer);
	free(p->own);
	*p = (struct piece){0};
}
