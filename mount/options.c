/* SPDX-License-Identifier: MIT */
#include "mount/options_impl.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "mount/command.h"
#include "mount/commands/near.h"
#include "mount/log.h"
#include "mount/suggest.h"

enum { USAGE = 2, DEPTH_MAX = 1 << 20, BINS_MAX = 10000 };

/* Whose help a usage error points to. */
static const struct command *current = &command_mount;

int options_usage(const char *format, ...)
{
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	log_say("%s (see arrayfs %s%s--help)", text, current->word ? current->word : "", current->word ? " " : "");
	return USAGE;
}

int options_hint(const char *format, ...)
{
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	log_say("%s", text);
	return USAGE;
}

bool options_count(const char *text, unsigned least, unsigned most, unsigned *ret)
{
	char *end;
	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	unsigned long n = strtoul(text, &end, 10);
	*ret = (unsigned)n;
	return !errno && !*end && n >= least && n <= most;
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

static int set_depth(struct options *o, const char *text)
{
	return options_count(text, 1, DEPTH_MAX, &o->depth) ? 0 : options_usage("--depth %s: must be a number from 1", text);
}

static int set_hist(struct options *o, const char *text)
{
	return options_count(text, 1, BINS_MAX, &o->hist) ? 0 : options_usage("--hist %s: must be a number from 1 to %d", text, BINS_MAX);
}

static int set_color(struct options *o, const char *text)
{
	static const char *const words[] = {[COLOR_AUTO] = "auto", [COLOR_ALWAYS] = "always", [COLOR_NEVER] = "never"};
	for (o->color = COLOR_AUTO; text && o->color <= COLOR_NEVER; o->color++)
		if (strcmp(text, words[o->color]) == 0)
			return 0;
	o->color = COLOR_ALWAYS;
	return text ? options_usage("--color=%s: must be always, never or auto", text) : 0;
}

/* --- options -------------------------------------------------------------- */

/* Those of some commands are enum option_id, from FIRST on. */
enum { COMMANDS = 256, LIST, CAT, EXTRACT, DIFF, FIRST = 512 };

static const struct option long_options[] = {
	{"list", no_argument, NULL, LIST},
	{"cat", no_argument, NULL, CAT},
	{"extract", no_argument, NULL, EXTRACT},
	{"diff", no_argument, NULL, DIFF},
	{"unmount", no_argument, NULL, 'u'},
	{"long", no_argument, NULL, FIRST + OPTION_LONG},
	{"tree", no_argument, NULL, FIRST + OPTION_TREE},
	{"json", no_argument, NULL, FIRST + OPTION_JSON},
	{"human-readable", no_argument, NULL, FIRST + OPTION_HUMAN},
	{"depth", required_argument, NULL, FIRST + OPTION_DEPTH},
	{"color", optional_argument, NULL, FIRST + OPTION_COLOR},
	{"colour", optional_argument, NULL, FIRST + OPTION_COLOR},
	{"rows", required_argument, NULL, FIRST + OPTION_ROWS},
	{"csv", no_argument, NULL, FIRST + OPTION_CSV},
	{"tsv", no_argument, NULL, FIRST + OPTION_TSV},
	{"jsonl", no_argument, NULL, FIRST + OPTION_JSONL},
	{"force", no_argument, NULL, FIRST + OPTION_FORCE},
	{"resume", no_argument, NULL, FIRST + OPTION_RESUME},
	{"npy", no_argument, NULL, FIRST + OPTION_NPY},
	{"atol", required_argument, NULL, FIRST + OPTION_ATOL},
	{"rtol", required_argument, NULL, FIRST + OPTION_RTOL},
	{"hist", required_argument, NULL, FIRST + OPTION_HIST},
	{"fail-nan", no_argument, NULL, FIRST + OPTION_FAIL_NAN},
	{"foreground", no_argument, NULL, 'f'},
	{"debug", no_argument, NULL, 'd'},
	{"options", required_argument, NULL, 'o'},
	{"help", no_argument, NULL, COMMANDS},
	{"version", no_argument, NULL, 'V'},
	{0},
};

static const char short_options[] = ":fdslHo:hVu";

/* Its name, for messages. */
static const char *option_name(enum option_id option)
{
	for (const struct option *o = long_options; o->name; o++)
		if (o->val == FIRST + (int)option)
			return o->name;
	return "";
}

static int set_command(struct options *o, const char *word)
{
	const struct command *c = command_find(word);
	if (o->command != &command_mount && o->command != c)
		return options_usage("only one command at a time");
	o->command = current = c;
	return 0;
}

/* Options of some commands, without a value. */
static bool *flag_of(struct options *o, enum option_id option)
{
	switch (option) {
	case OPTION_LONG:
		return &o->list_long;
	case OPTION_TREE:
		return &o->list_tree;
	case OPTION_JSON:
		return &o->list_json;
	case OPTION_HUMAN:
		return &o->human;
	case OPTION_CSV:
		return &o->rows_csv;
	case OPTION_TSV:
		return &o->rows_tsv;
	case OPTION_JSONL:
		return &o->rows_jsonl;
	case OPTION_FORCE:
		return &o->force;
	case OPTION_RESUME:
		return &o->resume;
	case OPTION_NPY:
		return &o->npy;
	case OPTION_FAIL_NAN:
		return &o->fail_nan;
	default:
		return NULL;
	}
}

static int set_given(struct options *o, enum option_id option)
{
	o->given |= TAKES(option);
	switch (option) {
	case OPTION_DEPTH:
		return set_depth(o, optarg);
	case OPTION_COLOR:
		return set_color(o, optarg);
	case OPTION_ROWS:
		return set_rows(o, optarg);
	case OPTION_ATOL:
		return set_tolerance(o, "atol", optarg, &o->atol);
	case OPTION_RTOL:
		return set_tolerance(o, "rtol", optarg, &o->rtol);
	case OPTION_HIST:
		return set_hist(o, optarg);
	default:
		*flag_of(o, option) = true;
		return 0;
	}
}

/* As typed; `word` is where it is, and may hold several letters. */
static int refuse_option(const char *word)
{
	struct suggestion s = {.word = word + 2};
	const char *meant = options_meant(current, word);
	if (meant)
		return options_hint("unknown option %s; did you mean %s?", word, meant);
	if (optopt > 0 && optopt < COMMANDS)
		return options_usage("unknown option -%c", optopt);
	if (optopt)
		return options_usage("%s takes no value", word);
	if (command_find(word + 2))
		return options_hint("unknown option %s; did you mean `arrayfs %s`?", word, word + 2);
	for (const struct option *o = long_options; o->name; o++)
		suggest(&s, slice_text(o->name));
	return s.best.data ? options_hint("unknown option %s; did you mean --%s?", word, (const char *)s.best.data) : options_usage("unknown option %s", word);
}

/* For ls, -h means something else than help, if there is anything to list. */
static int set_h(struct options *o, bool operands)
{
	if (o->by_word && operands && o->command->takes & TAKES(OPTION_HUMAN))
		return set_given(o, OPTION_HUMAN);
	o->help = true;
	return 0;
}

static int set_option(struct options *o, int c, char **argv, bool operands)
{
	switch (c) {
	case LIST:
		return set_command(o, "list");
	case CAT:
		return set_command(o, "cat");
	case EXTRACT:
		return set_command(o, "extract");
	case DIFF:
		return set_command(o, "diff");
	case 'u':
		return set_command(o, "unmount");
	case 'l':
		return set_given(o, OPTION_LONG);
	case 'H':
		return set_given(o, OPTION_HUMAN);
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
		return options_mount(o, optarg);
	case 'h':
		return set_h(o, operands);
	case COMMANDS:
		o->help = true;
		return 0;
	case 'V':
		o->version = true;
		return 0;
	case ':':
		return options_usage("%s needs a value", argv[optind - 1]);
	case '?':
		return refuse_option(argv[optind - 1]);
	default:
		return set_given(o, (enum option_id)(c - FIRST));
	}
}

/* --- are they compatible? ------------------------------------------------ */

/* Options that exclude each other. */
static const unsigned excluded[] = {
	TAKES(OPTION_LONG) | TAKES(OPTION_TREE) | TAKES(OPTION_JSON),
	TAKES(OPTION_CSV) | TAKES(OPTION_TSV) | TAKES(OPTION_JSONL),
	TAKES(OPTION_FORCE) | TAKES(OPTION_RESUME),
};

/* Reports an option that the command does not take, with those that do. */
static int refuse_foreign(enum option_id option)
{
	char takers[128] = "", word[32];
	snprintf(word, sizeof word, "--%s", option_name(option));
	const char *meant = options_meant(current, word);
	if (meant)
		return options_hint("unknown option %s; did you mean %s?", word, meant);
	for (const struct command *c = commands; c->word; c++)
		if (c->takes & TAKES(option)) {
			size_t n = strlen(takers);
			snprintf(takers + n, sizeof takers - n, "%s%s", n ? ", " : "", c->word);
		}
	return options_usage("%s is an option of: %s", word, takers);
}

static int check_options(const struct options *o)
{
	for (unsigned i = 0; i < OPTIONS; i++)
		if (o->given & TAKES(i) & ~o->command->takes)
			return refuse_foreign((enum option_id)i);
	for (size_t i = 0; i < sizeof excluded / sizeof *excluded; i++) {
		unsigned both = o->given & excluded[i];
		if (both & (both - 1)) {
			unsigned first = (unsigned)__builtin_ctz(both), second = (unsigned)__builtin_ctz(both & (both - 1));
			return options_usage("--%s and --%s cannot be combined", option_name((enum option_id)first), option_name((enum option_id)second));
		}
	}
	if (o->no_verify && o->command == command_find("verify"))
		return options_usage("verify=no leaves verify nothing to do");
	return 0;
}

/* --- operands ------------------------------------------------------------- */

/* Says what is missing. */
static int refuse_few(const struct options *o, int n, char **operands)
{
	const struct command *c = o->command;
	struct error err = {0};
	struct stat st;
	if (c->word && n == 1 && stat(operands[0], &st) < 0 && errno == ENOTDIR && near_source(operands[0], errno, &err))
		return options_hint("%s: %s", operands[0], err.text);
	if (c->word && n == 1 && strcmp(c->operands[n], "PATH") == 0)
		return options_hint("%s needs a PATH; arrayfs list %s shows what there is", c->word, operands[0]);
	if (c->word)
		return options_usage("%s needs a %s", c->word, c->operands[n]);
	if (n == 0)
		return options_usage("SOURCE and MOUNTPOINT are needed, or a command");
	if (lstat(operands[0], &st) < 0 && !strchr(operands[0], '/'))
		return options_usage("'%s' is neither a command nor a file", operands[0]);
	return options_hint("a MOUNTPOINT is needed; arrayfs list %s needs none", operands[0]);
}

static int take_operands(struct options *o, int n, char **operands)
{
	const struct command *c = o->command;
	int r = check_options(o);
	if (r)
		return r;
	if (n < 2 && c->operands[n])
		return refuse_few(o, n, operands);
	if (n > 2 && c == &command_mount)
		return options_hint("unexpected operand '%s'; one SOURCE is mounted at a time, and a directory shows all that are in it", operands[2]);
	if (n > 0 && !*operands[0])
		return options_usage("an empty %s", c->operands[0] ? c->operands[0] : "MOUNTPOINT");
	if (c->most >= 0 && n > c->most)
		return options_usage("unexpected operand '%s'", operands[c->most]);
	if ((r = options_records_check(o)))
		return r;
	o->source = operands[0];
	if (c->two)
		o->destination = operands[1];
	o->paths = operands + (c->two ? 2 : 1);
	return 0;
}

/* The command that the first operand names, unless an option names one; NULL: none does.
 * *ret_operands: are there others? */
static const struct command *find_word(int argc, char *const *argv, bool *ret_operands)
{
	char **copy = calloc((size_t)argc + 1, sizeof *copy); /* getopt_long() moves the operands after the options */
	bool named = false;
	int c;
	if (!copy)
		return NULL;
	memcpy(copy, argv, (size_t)argc * sizeof *copy);
	while ((c = getopt_long(argc, copy, short_options, long_options, NULL)) != -1)
		named = named || c == 'u' || (c > COMMANDS && c < FIRST);
	const struct command *found = optind < argc && !named ? command_find(copy[optind]) : NULL;
	*ret_operands = argc - optind > (found != NULL);
	optind = 0; /* to begin again */
	free(copy);
	return found;
}

/* Options are parsed twice, since the meaning of -h depends on the command. */
int options_parse(struct options *o, int argc, char **argv, bool words)
{
	int c, r = 0;
	bool operands = true;
	*o = (struct options){.command = &command_mount, .cache = (size_t)CACHE_DEFAULT_MB << 20};
	o->fuse = calloc(1, 1);
	o->mount = calloc(1, 1);
	if (!o->fuse || !o->mount)
		return options_usage("no memory for the options");
	opterr = 0;
	const struct command *named = words ? find_word(argc, argv, &operands) : NULL;
	o->by_word = named != NULL;
	if (named)
		o->command = current = named;
	while (r == 0 && (c = getopt_long(argc, argv, short_options, long_options, NULL)) != -1)
		r = set_option(o, c, argv, operands);
	if (r || o->help || o->version || o->help_mount)
		return r;
	argc -= optind + o->by_word;
	argv += optind + o->by_word;
	if (words && o->command == &command_mount)
		r = options_check_word(argc, argv);
	return r ? r : take_operands(o, argc, argv);
}

void options_free(struct options *o)
{
	free(o->fuse);
	free(o->mount);
}
