/* SPDX-License-Identifier: MIT */
#include "mount/options_impl.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mount/log.h"

enum { USAGE = 2, CACHE_DEFAULT_MB = 256, THREADS_MAX = 1024 };

int options_usage(const char *format, ...)
{
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	log_say("%s (see arrayfs --help)", text);
	return USAGE;
}

/* --- -o ---------------------------------------------------------------- */

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

static bool parse_count(const char *text, unsigned max, unsigned *ret)
{
	char *end;
	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	unsigned long n = strtoul(text, &end, 10);
	*ret = (unsigned)n;
	return !errno && !*end && n <= max;
}

/* Parses one end of A:B, which may be missing. */
static bool parse_row(const char *text, size_t len, int64_t missing, int64_t *ret)
{
	char *end;
	*ret = missing;
	if (len == 0)
		return true;
	if (!isdigit((unsigned char)text[*text == '-']))
		return false;
	errno = 0;
	*ret = strtoll(text, &end, 10);
	return !errno && end == text + len;
}

static int set_rows(struct options *o, const char *text)
{
	size_t n = strcspn(text, ":");
	o->rows.given = text[n] == ':' && parse_row(text, n, 0, &o->rows.begin) &&
			parse_row(text + n + 1, strlen(text + n + 1), INT64_MAX, &o->rows.end);
	return o->rows.given ? 0 : options_usage("--rows %s: must be two numbers A:B, such as 0:10", text);
}

bool options_no(const char *text, bool *ret_no)
{
	*ret_no = strcmp(text, "no") == 0;
	return *ret_no || strcmp(text, "yes") == 0;
}

/* Parses the value of --atol or --rtol. */
static int set_tolerance(struct options *o, const char *name, const char *text, double *ret)
{
	char *end;
	errno = 0;
	*ret = strtod(text, &end);
	if (end == text || *end || !(*ret >= 0) || *ret > DBL_MAX)
		return options_usage("--%s %s: must be a number of 0 or more", name, text);
	o->close = true;
	return 0;
}

static const char *value_of(const char *word, const char *name)
{
	size_t n = strlen(name);
	return strncmp(word, name, n) == 0 && word[n] == '=' ? word + n + 1 : NULL;
}

void options_unescape(char *text)
{
	char *to = text;
	for (const char *from = text; *from; *to++ = *from++)
		if (from[0] == '\\' && from[1] == ',')
			from++;
	*to = '\0';
}

static int set_mount_option(struct options *o, char *word)
{
	const char *value;
	int r;
	if (options_records(o, word, &r))
		return r;
	if (strcmp(word, "dataset") == 0)
		o->dataset = true;
	else if (strcmp(word, "dataset=files") == 0)
		o->dataset = o->as_files = true;
	else if ((value = value_of(word, "dataset")))
		return options_usage("dataset=%s: must be dataset or dataset=files", value);
	else if (strcmp(word, "follow") == 0)
		o->follow = true;
	else if (strcmp(word, "nonempty") == 0)
		o->nonempty = true;
	else if ((value = value_of(word, "split"))) {
		if (strlen(value) != 1)
			return options_usage("split=%s: must be a single character", value);
		o->split = *value;
	} else if ((value = value_of(word, "cache"))) {
		if (!parse_size(value, &o->cache))
			return options_usage("cache=%s: must be a size such as 64M or 2G", value);
	} else if ((value = value_of(word, "threads"))) {
		if (!parse_count(value, THREADS_MAX, &o->threads) || o->threads == 0)
			return options_usage("threads=%s: must be a number from 1 to %d", value, THREADS_MAX);
	} else if ((value = value_of(word, "verify"))) {
		if (!options_no(value, &o->no_verify))
			return options_usage("verify=%s: must be yes or no", value);
	} else if ((value = value_of(word, "sandbox"))) {
		if (!options_no(value, &o->no_sandbox))
			return options_usage("sandbox=%s: must be yes or no", value);
	} else if ((value = value_of(word, "log"))) {
		if (!*value)
			return options_usage("log=: must be a file, syslog or stderr");
		o->log = word + strlen("log=");
		options_unescape(word + strlen("log="));
	} else if (among(passed, word)) {
		if (*o->fuse)
			strcat(o->fuse, ",");
		strcat(o->fuse, word);
	} else if (!among(ignored, word)) {
		return options_usage("unknown mount option '%s'", word);
	}
	return 0;
}

/* An escaped comma is part of the word, as in libfuse. */
static int set_mount_options(struct options *o, char *list)
{
	char *grown = realloc(o->fuse, strlen(o->fuse) + strlen(list) + 2);
	if (!grown)
		return options_usage("no memory for the options");
	o->fuse = grown;
	while (*list) {
		char *end = list;
		while (*end && *end != ',')
			end += end[0] == '\\' && end[1] == ',' ? 2 : 1;
		bool last = *end == '\0';
		*end = '\0';
		int r = *list ? set_mount_option(o, list) : 0;
		if (r || last)
			return r;
		list = end + 1;
	}
	return 0;
}

/* --- the rest ---------------------------------------------------------- */

enum { LIST = 256, CSV, TSV, JSONL, CAT, EXTRACT, LONG, JSON, TREE, ROWS, FORCE, RESUME, NPY, DIFF, ATOL, RTOL };

static const struct option long_options[] = {
	{"list", no_argument, NULL, LIST},       {"cat", no_argument, NULL, CAT},
	{"extract", no_argument, NULL, EXTRACT}, {"long", no_argument, NULL, LONG},
	{"json", no_argument, NULL, JSON},       {"force", no_argument, NULL, FORCE},
	{"tree", no_argument, NULL, TREE},       {"human-readable", no_argument, NULL, 'H'},
	{"rows", required_argument, NULL, ROWS}, {"resume", no_argument, NULL, RESUME},
	{"npy", no_argument, NULL, NPY},
	{"diff", no_argument, NULL, DIFF},       {"atol", required_argument, NULL, ATOL},
	{"rtol", required_argument, NULL, RTOL}, {"csv", no_argument, NULL, CSV},
	{"tsv", no_argument, NULL, TSV},         {"jsonl", no_argument, NULL, JSONL},
	{"unmount", no_argument, NULL, 'u'},     {"foreground", no_argument, NULL, 'f'},
	{"debug", no_argument, NULL, 'd'},       {"options", required_argument, NULL, 'o'},
	{"help", no_argument, NULL, 'h'},        {"version", no_argument, NULL, 'V'},
	{0},
};

static int set_command(struct options *o, enum command command)
{
	if (o->command != COMMAND_MOUNT && o->command != command)
		return options_usage("only one command at a time");
	o->command = command;
	return 0;
}

static int set_option(struct options *o, int c, char **argv)
{
	switch (c) {
	case LIST:
		return set_command(o, COMMAND_LIST);
	case CAT:
		return set_command(o, COMMAND_CAT);
	case EXTRACT:
		return set_command(o, COMMAND_EXTRACT);
	case DIFF:
		return set_command(o, COMMAND_DIFF);
	case ATOL:
		return set_tolerance(o, "atol", optarg, &o->atol);
	case RTOL:
		return set_tolerance(o, "rtol", optarg, &o->rtol);
	case 'u':
		return set_command(o, COMMAND_UNMOUNT);
	case LONG:
		o->list_long = true;
		return 0;
	case CSV:
		o->rows_csv = true;
		return 0;
	case TSV:
		o->rows_tsv = true;
		return 0;
	case JSONL:
		o->rows_jsonl = true;
		return 0;
	case JSON:
		o->list_json = true;
		return 0;
	case TREE:
		o->list_tree = true;
		return 0;
	case 'H':
		o->human = true;
		return 0;
	case ROWS:
		return set_rows(o, optarg);
	case FORCE:
		o->force = true;
		return 0;
	case RESUME:
		o->resume = true;
		return 0;
	case NPY:
		o->npy = true;
		return 0;
	case 'f':
		o->foreground = true;
		return 0;
	case 'd':
		o->debug = o->foreground = true;
		return 0;
	case 's':
		o->single_threaded = true;
		return 0;
	case 'o':
		return set_mount_options(o, optarg);
	case 'h':
		o->command = COMMAND_HELP;
		return 0;
	case 'V':
		o->command = COMMAND_VERSION;
		return 0;
	case ':':
		return options_usage("%s needs a value", argv[optind - 1]);
	default:
		return optopt && optopt < 256 ? options_usage("unknown option -%c", optopt) : options_usage("unknown option %s", argv[optind - 1]);
	}
}

/* Commands that are words: a SOURCE called so is written ./WORD. */
static const struct {
	const char *word;
	enum command command;
} words_of_commands[] = {
	{"verify", COMMAND_VERIFY},
	{"rows", COMMAND_ROWS},
};

/* Is the first operand a command?  Then it is taken. */
static bool take_word(struct options *o, const char *first)
{
	for (size_t i = 0; first && o->command == COMMAND_MOUNT && i < sizeof words_of_commands / sizeof *words_of_commands; i++)
		if (strcmp(first, words_of_commands[i].word) == 0) {
			o->command = words_of_commands[i].command;
			return true;
		}
	return false;
}

static int take_operands(struct options *o, int n, char **operands)
{
	static const struct {
		int least, most;
		const char *what;
	} needs[] = {
		[COMMAND_MOUNT] = {2, 2, "SOURCE and MOUNTPOINT are needed"},
		[COMMAND_UNMOUNT] = {1, 1, "-u needs one MOUNTPOINT"},
		[COMMAND_LIST] = {1, -1, "--list needs a SOURCE"},
		[COMMAND_CAT] = {2, -1, "--cat needs a SOURCE and a PATH"},
		[COMMAND_EXTRACT] = {2, -1, "--extract needs a SOURCE and a DEST"},
		[COMMAND_DIFF] = {2, 2, "--diff needs two SOURCEs"},
		[COMMAND_VERIFY] = {1, 1, "verify needs a SOURCE"},
		[COMMAND_ROWS] = {1, -1, "rows needs a SOURCE"},
	};
	if (n < needs[o->command].least)
		return options_usage("%s", needs[o->command].what);
	if (needs[o->command].most >= 0 && n > needs[o->command].most)
		return options_usage("unexpected operand '%s'", operands[needs[o->command].most]);
	if ((o->list_long || o->list_tree || o->human) && o->command != COMMAND_LIST)
		return options_usage("--long, --tree and -H are for --list only");
	if (o->list_json && o->command != COMMAND_LIST && o->command != COMMAND_DIFF && o->command != COMMAND_VERIFY)
		return options_usage("--json is for --list, --diff and verify only");
	if (o->no_verify && o->command == COMMAND_VERIFY)
		return options_usage("verify=no leaves verify nothing to do");
	if (o->list_long + o->list_json + o->list_tree > 1)
		return options_usage("--long, --tree and --json cannot be combined");
	if (o->rows.given && o->command != COMMAND_CAT && o->command != COMMAND_ROWS)
		return options_usage("--rows is for --cat and rows only");
	if ((o->rows_csv || o->rows_tsv || o->rows_jsonl) && o->command != COMMAND_ROWS)
		return options_usage("--csv, --tsv and --jsonl are for rows only");
	if (o->rows_csv + o->rows_tsv + o->rows_jsonl > 1)
		return options_usage("--csv, --tsv and --jsonl cannot be combined");
	if ((o->force || o->resume || o->npy) && o->command != COMMAND_EXTRACT)
		return options_usage("--force, --resume and --npy are for --extract only");
	if (o->force && o->resume)
		return options_usage("--force and --resume cannot be combined");
	if (o->close && o->command != COMMAND_DIFF)
		return options_usage("--atol and --rtol are for --diff only");
	int r = options_records_check(o);
	if (r)
		return r;
	o->source = operands[0];
	bool two = needs[o->command].least == 2 && o->command != COMMAND_CAT;
	if (two)
		o->destination = operands[1];
	o->paths = operands + (two ? 2 : 1);
	return 0;
}

int options_parse(struct options *o, int argc, char **argv, bool words)
{
	int c, r = 0;
	*o = (struct options){.cache = (size_t)CACHE_DEFAULT_MB << 20};
	o->fuse = calloc(1, 1);
	if (!o->fuse)
		return options_usage("no memory for the options");
	opterr = 0;
	while (r == 0 && (c = getopt_long(argc, argv, ":fdsHo:hVu", long_options, NULL)) != -1)
		r = set_option(o, c, argv);
	if (r == 0 && words && take_word(o, argv[optind]))
		optind++;
	if (r == 0 && o->command != COMMAND_HELP && o->command != COMMAND_VERSION)
		r = take_operands(o, argc - optind, argv + optind);
	return r;
}

void options_free(struct options *o)
{
	free(o->fuse);
}

void options_help(void)
{
	fputs("usage: arrayfs [options] SOURCE MOUNTPOINT\n"
	      "       arrayfs --list [--long | --tree | --json] [-H] SOURCE [PATH...]\n"
	      "       arrayfs --cat [--rows A:B] SOURCE PATH...\n"
	      "       arrayfs --extract [--force | --resume] [--npy] SOURCE DEST [PATH...]\n"
	      "       arrayfs --diff [--atol X] [--rtol Y] [--json] SOURCE SOURCE\n"
	      "       arrayfs verify [--json] SOURCE\n"
	      "       arrayfs rows [--csv | --tsv | --jsonl] [--rows A:B] SOURCE [COLUMN...]\n"
	      "       arrayfs -u MOUNTPOINT\n"
	      "\n"
	      "Mounts an archive of arrays, read-only, as a directory in which every tensor\n"
	      "or column is a plain file of raw bytes.  SOURCE is an archive, a sharding index\n"
	      "or a directory, in which every archive is then shown as a directory.  PATHs may\n"
	      "be patterns: *, ?, [a-z], and ** for any number of directories.\n"
	      "\n"
	      "commands:\n"
	      "      --list       print the paths in SOURCE, or those at and below PATH\n"
	      "        --long     with dtype, shape and size\n"
	      "        --tree     as a tree, with the totals of directories\n"
	      "        --json     everything known, one object per line\n"
	      "        -H, --human-readable  sizes like 1.5G\n"
	      "      --cat        write the bytes of PATHs to standard output\n"
	      "        --rows A:B only these rows, as a Python slice of the first dimension\n"
	      "      --extract    write plain files below DEST\n"
	      "        --force    overwrite existing files\n"
	      "        --resume   keep what an earlier run has written\n"
	      "        --npy      write .npy files\n"
	      "      --diff       compare names, types, shapes, values and attributes\n"
	      "        --atol X, --rtol Y   numbers are the same if |a - b| <= X + Y * |b|\n"
	      "        --json     as one object\n"
	      "  verify           check every checksum there is, decode every array once, and hold\n"
	      "                   files against manifest.json and SHA256SUMS\n"
	      "        --json     one object per line, for what is whole, too\n"
	      "  rows             a table's rows as text: SOURCE [COLUMN...]\n"
	      "        --csv, --tsv, --jsonl, --rows A:B\n"
	      "  -u               unmount, and wait for the daemon to end\n"
	      "\n"
	      "options:\n"
	      "  -f               stay in the foreground\n"
	      "  -d               log every request; implies -f\n"
	      "  -s               serve with one thread\n"
	      "  -o OPT[,OPT]     mount options:\n"
	      "       split=C         C separates directories in names, in addition to '/'\n"
	      "       dataset         show a directory of Parquet or Arrow files as one table, a\n"
	      "                       checkpoint of several processes as its tensors\n"
	      "       dataset=files   the same, also for files of a Delta, Iceberg or Hudi table\n"
	      "       records[=KIND]  show JSON lines, CSV and other records in directories as tables, too;\n"
	      "                       with schema=, message=, bad-records=skip, delimiter=C …: arrayfs(1)\n"
	      "       follow          show links that lead out of SOURCE as their targets\n"
	      "       cache=SIZE      memory for decoded data (256M)\n"
	      "       threads=N       decoding threads (one per processor)\n"
	      "       verify=no       do not verify checksums\n"
	      "       log=FILE        where a daemon logs faults: a file, stderr or syslog (the\n"
	      "                       default, unless -f); the last ones are also in\n"
	      "                       MOUNTPOINT/.arrayfs/log.txt\n"
	      "       nonempty        mount over a directory that is not empty\n"
	      "       allow_other, fsname=NAME, and the options of mount(8)\n"
	      "  -h, --help       print this text\n"
	      "  -V, --version    print the version\n"
	      "\n"
	      "exit codes: 0 success, 1 refused or failed, 2 usage error; with --diff 0 same,\n"
	      "1 different, 2 trouble; with verify 0 whole, 1 faults, 2 trouble.  See arrayfs(1).\n",
	      stdout);
}
