/* SPDX-License-Identifier: MIT */
/* Which format a file is of. */
#include <strings.h>

#include "fs/archive/archive.h"
#include "fs/base/name.h"

int peek(struct peek *ret, const struct source *s, struct error *err)
{
	size_t n = s->size < HEAD_SIZE ? (size_t)s->size : HEAD_SIZE;
	ret->head = cursor_over((struct slice){ret->bytes, n});
	ret->size = s->size;
	ret->source = s;
	ret->alone = false;
	ret->failed = 0;
	return source_read(s, 0, ret->bytes, n, err);
}

void peek_failed(const struct peek *p, int r)
{
	if (error_passes(r) && !p->failed)
		((struct peek *)(uintptr_t)p)->failed = r;
}

bool peek_at(const struct peek *p, uint64_t offset, void *ret, size_t len)
{
	struct error why = {0};
	if (!range_within(offset, len, p->size))
		return false;
	if (!range_within(offset, len, cursor_left(&p->head))) {
		int r = source_read(p->source, offset, ret, len, &why);
		peek_failed(p, r);
		return r == 0;
	}
	memcpy(ret, p->bytes + offset, len);
	return true;
}

bool archive_is_text(struct slice head)
{
	for (size_t i = 0; i < head.len; i++)
		if (head.data[i] == 0 || (head.data[i] < 0x20 && !strchr("\t\n\v\f\r\x1b", head.data[i])))
			return false;
	/* A head may end within a character. */
	for (size_t cut = 0; cut < 4 && cut <= head.len; cut++)
		if (utf8_valid((struct slice){head.data, head.len - cut}))
			return head.len > cut;
	return false;
}

static bool ends_in(const char *name, const char *const *suffixes)
{
	size_t len = strlen(name);
	for (const char *const *s = suffixes; s && *s; s++) {
		size_t n = strlen(*s);
		if (len > n && strcasecmp(name + len - n, *s) == 0)
			return true;
	}
	return false;
}

bool archive_wished(const struct format *const *formats, const char *name)
{
	for (; *formats; formats++)
		if (ends_in(name, (*formats)->suffixes))
			return true;
	return false;
}

const struct format *archive_sliced(const struct format *const *formats, const char *name)
{
	while (*formats && !ends_in(name, (*formats)->slices))
		formats++;
	return *formats;
}

const struct format *archive_detect(const struct format *const *formats, const struct peek *p, const char *name,
				    const struct archive_options *options, bool mirrored)
{
	struct slice head = {p->bytes, cursor_left(&p->head)};
	const struct archive_options *tables = !mirrored || options->records.on ? options : NULL;
	if (archive_sliced(formats, name))
		return NULL;
	/* Who names a source and says what it is, is believed. */
	for (const struct format *const *f = formats; *f && tables && !mirrored && tables->records.kind; f++)
		if ((*f)->claims && (*f)->claims(p, name, tables))
			return *f;
	for (const struct format *const *f = formats; *f; f++)
		if (((*f)->probe && (*f)->probe(p)) || (tables && (*f)->claims && (*f)->claims(p, name, tables)))
			return *f;
	for (const struct format *const *f = formats; *f && head.len > 0; f++)
		if (ends_in(name, (*f)->suffixes) && ((*f)->text || !archive_is_text(head)))
			return *f;
	return NULL;
}
