/* SPDX-License-Identifier: MIT */
/*
 * A zip of archives: a few archives in one file, with texts about them, and nothing else.  Many
 * files are zips (documents, programs, packages), and none of them must become a directory; so
 * all of this must hold:
 *
 *   - all members are stored, one after another as they are listed, from the file's start;
 *   - they are at most MEMBERS_MOST;
 *   - each is an archive by its content, or a text by content and name; one is an archive.
 *
 * A zip with a package's metadata (META-INF/, NAME.dist-info/) is a package.
 */
#include "formats/keras/keras.h"

enum { MEMBERS_MOST = 1000 };

struct judged {
	unsigned members, archives;
	uint64_t reached; /* the end of the member before */
};

static bool has(struct slice name, const char *part)
{
	return memmem(name.data, name.len, part, strlen(part)) != NULL;
}

/* Notes and data as they lie beside archives; no program, page or document. */
static bool is_text_name(struct slice path)
{
	static const char *const ends[] = {"json", "jsonl", "txt", "md", "yaml", "yml", "csv", "tsv", "toml", "ini", "cfg", "log"};
	const uint8_t *slash = memrchr(path.data, '/', path.len), *name = slash ? slash + 1 : path.data;
	size_t len = (size_t)(path.data + path.len - name);
	const uint8_t *dot = memrchr(name, '.', len);
	if (!dot || dot == name)
		return true;
	struct slice end = {dot + 1, (size_t)(name + len - dot) - 1};
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (end.len == strlen(ends[i]) && strncasecmp((const char *)end.data, ends[i], end.len) == 0)
			return true;
	return false;
}

static bool is_package(struct slice name)
{
	return has(name, "META-INF/") || has(name, ".dist-info/") || has(name, ".egg-info/") || has(name, "EGG-INFO/");
}

/* A program that torch.export wrote before it had archives of its own, which formats/torch refuses. */
static bool is_exported(struct slice name)
{
	return slice_equal(name, SLICE("serialized_exported_program.json"));
}

static bool fits(struct judged *j, const struct peek *p, struct zip_member *m, uint64_t end)
{
	struct source window;
	struct error why = {0};
	struct peek inner;
	if (m->fault || ++j->members > MEMBERS_MOST || m->method != 0 || is_package(m->name) || is_exported(m->name) || m->header < j->reached ||
	    !zip_place(p, m, end))
		return false;
	if (j->members == 1 && m->header != 0)
		return false;
	j->reached = m->data + m->packed;
	if (m->size == 0)
		return true;
	window = source_window(p->source, m->data, m->size);
	int r = peek(&inner, &window, &why);
	peek_failed(p, r);
	if (r < 0)
		return false;
	if (archive_is_text((struct slice){inner.bytes, cursor_left(&inner.head)}))
		return is_text_name(m->name);
	bool archive = keras_identify(&inner) != NULL;
	peek_failed(p, inner.failed);
	j->archives += archive;
	return archive;
}

static int judge(void *arg, const struct peek *p, struct zip_member *m, uint64_t end)
{
	return fits(arg, p, m, end) ? 0 : -ENOTSUP;
}

static bool zip_of_archives(const struct peek *p)
{
	struct cursor head = p->head;
	struct judged j = {0};
	return cursor_match(&head, "PK\3\4", 4) && zip_each(p, judge, &j) == 0 && j.archives > 0;
}

const struct format format_archives = {
	.name = "zip",
	.probe = zip_of_archives,
	KERAS_MEMBERS,
};
