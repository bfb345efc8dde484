/* SPDX-License-Identifier: MIT */
/* -o */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mount/options_impl.h"
#include "mount/suggest.h"

enum { THREADS_MAX = 1024 };

/* Options of mount(8) that have no effect on a read-only mount. A name ending with '='
 * takes a value; one ending with '*' is a prefix. */
static const char *const ignored[] = {
	"ro", "rw", "defaults", "auto", "noauto", "nofail", "user", "nouser", "users", "owner", "group", "_netdev",
	"x-*", "X-*", "comment=", "suid", "nosuid", "dev", "nodev", "exec", "async", "sync", "dirsync", "atime",
	"noatime", "diratime", "nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime", "lazytime",
	"nolazytime", "nosymfollow", "symfollow", "silent", "loud", "iversion", "noiversion", "mand", "nomand", "uhelper=", "helper=",
	"default_permissions", "subtype=", NULL,
};

/* Options passed on to libfuse and fusermount3. */
static const char *const passed[] = {
	"allow_other", "allow_root", "auto_unmount", "fsname=", "noexec", "max_read=", "context=", "fscontext=",
	"defcontext=", "rootcontext=", NULL,
};

static bool among(const char *const *names, const char *word)
{
	for (; *names; names++) {
		size_t n = strlen(*names);
		char last = (*names)[n - 1];
		if (last == '*' ? strncmp(*names, word, n - 1) == 0
				: last == '=' ? strncmp(*names, word, n) == 0 : strcmp(*names, word) == 0)
			return true;
	}
	return false;
}

/* Parses a size like "64M"; K, M, G, T are powers of 1024. */
static bool parse_size(const char *text, size_t *ret)
{
	static const char units[] = "KMGT";
	char *end;
	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);
	const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (errno || (*end && (!unit || end[1])))
		return false;
	unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
	*ret = (size_t)n << shift;
	return *ret >> shift == n;
}

bool options_no(const char *text, bool *ret_no)
{
	*ret_no = strcmp(text, "no") == 0;
	return *ret_no || strcmp(text, "yes") == 0;
}

void options_unescape(char *text)
{
	char *to = text;
	for (const char *from = text; *from; *to++ = *from++)
		if (from[0] == '\\' && from[1] == ',')
			from++;
	*to = '\0';
}

static int set_dataset(struct options *o, const char *value)
{
	if (*value && strcmp(value, "files") != 0)
		return options_usage("dataset=%s: must be dataset or dataset=files", value);
	o->dataset = true;
	o->as_files = o->as_files || *value;
	return 0;
}

static int set_split(struct options *o, const char *value)
{
	o->split = *value;
	return strlen(value) == 1 ? 0 : options_usage("split=%s: must be a single character", value);
}

static int set_cache(struct options *o, const char *value)
{
	return parse_size(value, &o->cache) ? 0 : options_usage("cache=%s: must be a size such as 64M or 2G", value);
}

static int set_threads(struct options *o, const char *value)
{
	bool fine = options_count(value, 1, THREADS_MAX, &o->threads);
	return fine ? 0 : options_usage("threads=%s: must be a number from 1 to %d", value, THREADS_MAX);
}

static int set_verify(struct options *o, const char *value)
{
	return options_no(value, &o->no_verify) ? 0 : options_usage("verify=%s: must be yes or no", value);
}

static int set_sandbox(struct options *o, const char *value)
{
	return options_no(value, &o->no_sandbox) ? 0 : options_usage("sandbox=%s: must be yes or no", value);
}

static int set_log(struct options *o, const char *value)
{
	o->log = value;
	return *value ? 0 : options_usage("log=: must be a file, syslog or stderr");
}

static int set_follow(struct options *o, const char *value)
{
	(void)value;
	o->follow = true;
	return 0;
}

static int set_nonempty(struct options *o, const char *value)
{
	(void)value;
	o->nonempty = true;
	return 0;
}

static int set_listed(struct options *o, const char *value)
{
	(void)value;
	o->help_mount = true;
	return 0;
}

/* A name that ends with '=' takes a value. */
static const struct setter {
	const char *name;
	int (*set)(struct options *o, const char *value);
} setters[] = {
	{"dataset", set_dataset}, {"dataset=", set_dataset}, {"split=", set_split}, {"follow", set_follow}, {"cache=", set_cache},
	{"threads=", set_threads}, {"verify=", set_verify}, {"sandbox=", set_sandbox}, {"log=", set_log}, {"nonempty", set_nonempty},
	{"help", set_listed}, {NULL, NULL},
};

static bool is_named(const char *word, const char *name)
{
	size_t n = strlen(name);
	return name[n - 1] == '=' ? strncmp(word, name, n) == 0 : strcmp(word, name) == 0;
}

/* What may be meant by a word that is unknown, by the part before its value. */
static int refuse_word(char *word)
{
	char name[64];
	struct suggestion s = {.word = name};
	snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "=") + (strchr(word, '=') ? 1 : 0), word);
	for (const struct setter *t = setters; t->name; t++)
		suggest(&s, slice_text(t->name));
	for (const char *const *t = options_records_names; *t; t++)
		suggest(&s, slice_text(*t));
	for (const char *const *t = passed; *t; t++)
		suggest(&s, slice_text(*t));
	for (const char *const *t = ignored; *t; t++)
		suggest(&s, slice_text(*t));
	return s.best.data ? options_hint("unknown mount option '%s'; did you mean '%s'?", word, (const char *)s.best.data)
		      : options_hint("unknown mount option '%s'; arrayfs -o help lists them", word);
}

static int set_word(struct options *o, char *word)
{
	int r;
	if (options_records(o, word, &r))
		return r;
	for (const struct setter *s = setters; s->name; s++)
		if (is_named(word, s->name)) {
			size_t n = strlen(s->name);
			options_unescape(word);
			return s->set(o, word + n);
		}
	if (among(passed, word)) {
		if (*o->fuse)
			strcat(o->fuse, ",");
		strcat(o->fuse, word);
		return 0;
	}
	return among(ignored, word) ? 0 : refuse_word(word);
}

/* For one more list, after a comma. */
static bool make_room(char **lists, const char *list)
{
	char *grown = realloc(*lists, strlen(*lists) + strlen(list) + 2);
	if (grown)
		*lists = grown;
	return grown;
}

/* An escaped comma is part of the word, as in libfuse. */
int options_mount(struct options *o, char *list)
{
	if (!make_room(&o->fuse, list) || !make_room(&o->mount, list))
		return options_usage("no memory for the options");
	if (*o->mount)
		strcat(o->mount, ",");
	strcat(o->mount, list);
	while (*list) {
		char *end = list;
		while (*end && *end != ',')
			end += end[0] == '\\' && end[1] == ',' ? 2 : 1;
		bool last = *end == '\0';
		*end = '\0';
		int r = *list ? set_word(o, list) : 0;
		if (r || last)
			return r;
		list = end + 1;
	}
	return 0;
}

void options_mount_help(void)
{
	fputs("usage: arrayfs -o OPT[,OPT] SOURCE MOUNTPOINT, and with every command\n"
	      "\n"
	      "  split=C          C separates directories in names, in addition to '/'\n"
	      "  dataset          a folder of Parquet or Arrow files is one table, that of a\n"
	      "                   checkpoint of several processes its tensors\n"
	      "  dataset=files    the same, also for files of a Delta, Iceberg or Hudi table\n"
	      "  records[=KIND]   JSON lines, CSV and other records in directories are tables,\n"
	      "                   too; with schema=FILE, message=NAME, framing=HOW,\n"
	      "                   bad-records=skip, delimiter=C, header=no, quote=no, null=WORD\n"
	      "  follow           show links that lead out of SOURCE as their targets\n"
	      "  cache=SIZE       memory for decoded data (256M)\n"
	      "  threads=N        decoding threads (one per processor)\n"
	      "  verify=no        do not verify checksums\n"
	      "  sandbox=no       run without the sandbox\n"
	      "  log=WHERE        where a daemon logs faults: a file, stderr or syslog (the\n"
	      "                   default, unless -f); see also MOUNTPOINT/.arrayfs/log.txt\n"
	      "  nonempty         mount over a directory that is not empty\n"
	      "  allow_other, fsname=NAME …  options of FUSE and mount(8)\n"
	      "\n"
	      "More: man arrayfs\n", stdout);
}
