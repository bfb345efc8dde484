/* SPDX-License-Identifier: MIT */
/* Which kind of zip it is, by its members. This runs on every plain file of a mirrored directory. */
#include "formats/shared/zip_impl.h"

int zip_each(const struct peek *p, zip_each_member *each, void *arg)
{
	uint8_t bytes[4096];
	struct zip_bytes b = {.peek = p, .size = p->size};
	struct zip_member m;
	struct zip_end end;
	unsigned comment;
	if (!zip_find_end_by_probe(&b, &end))
		return -EBADMSG;
	uint64_t most = end.size < PROBE_MAX ? end.size : PROBE_MAX, next;
	for (uint64_t at = 0; at < most; at = next) {
		size_t n = most - at < sizeof bytes ? (size_t)(most - at) : sizeof bytes;
		if (zip_get(&b, end.at + at, bytes, n, NULL) < 0)
			return -EIO;
		struct cursor c = cursor_over((struct slice){bytes, n});
		for (next = at; zip_read_entry(&c, end.shift, &m, &comment); cursor_skip(&c, comment)) {
			next = at + cursor_at(&c) + comment;
			int r = each(arg, p, &m, end.at);
			if (r != 0)
				return r;
		}
		uint64_t length = next > at ? 0 : zip_entry_length((struct slice){bytes, n});
		if (next == at && length == 0)
			return -EBADMSG;
		next += length;
		int r = length ? each(arg, p, &(struct zip_member){.fault = "a name longer than any that is looked for"}, end.at) : 0;
		if (r != 0)
			return r;
	}
	return most < end.size ? -E2BIG : 0;
}

bool zip_place(const struct peek *p, struct zip_member *m, uint64_t end)
{
	return !m->fault && zip_find_data(&(struct zip_bytes){.peek = p, .size = p->size}, m, end, NULL) == 0;
}

static bool ends_with(struct slice name, struct slice suffix)
{
	return name.len >= suffix.len && memcmp(name.data + name.len - suffix.len, suffix.data, suffix.len) == 0;
}

static bool begins_with(const struct peek *p, struct zip_member *m, uint64_t end, struct slice magic)
{
	uint8_t head[16];
	size_t n = magic.len;
	if (n > sizeof head || m->size < n || !zip_place(p, m, end))
		return false;
	if (m->codec == CODEC_NONE)
		return peek_at(p, m->data, head, n) && memcmp(head, magic.data, n) == 0;
	struct stream s = {.source = p->source, .offset = m->data, .len = m->packed, .codec = m->codec, .size = m->size};
	int r = stream_open(&s, NULL);
	if (r == 0)
		r = stream_prefix(&s, head, n, &n, NULL);
	peek_failed(p, r);
	return r == 0 && n == magic.len && memcmp(head, magic.data, n) == 0;
}

struct looking {
	struct slice suffix, magic;
	unsigned members;
};

static int look(void *arg, const struct peek *p, struct zip_member *m, uint64_t end)
{
	enum { FOUND = 1, TOO_MANY };
	struct looking *l = arg;
	if (!ends_with(m->name, l->suffix))
		return 0;
	if (begins_with(p, m, end, l->magic))
		return FOUND;
	return ++l->members == PROBE_MEMBERS ? TOO_MANY : 0;
}

bool zip_has(const struct peek *p, struct slice suffix, struct slice magic)
{
	return zip_each(p, look, &(struct looking){suffix, magic, 0}) == 1;
}
