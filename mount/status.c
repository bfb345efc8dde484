/* SPDX-License-Identifier: MIT */
#include "mount/status.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/base/list.h"
#include "mount/log.h"
#include "mount/terminal.h"
#include "mount/units.h"

enum { UPTIME = 32 };

static const char *const states[] = {
	[STATE_SERVING] = "serving", [STATE_DEAD] = "dead", [STATE_SILENT] = "silent",
	[STATE_CLOSED] = "closed", [STATE_COVERED] = "covered", [STATE_UNKNOWN] = "unknown",
};

/* --- which mounts ------------------------------------------------------------- */

struct mounts {
	const char *only; /* the mountpoint wanted, or NULL */
	struct status *all;
	size_t count;
	bool failed; /* out of memory */
};

/* Of several at one place, the last is on top, and the others cannot be reached. */
static bool add(void *arg, const struct mounted *m, const char *place)
{
	struct mounts *mounts = arg;
	if (strcmp(m->type, "fuse.arrayfs") != 0 || (mounts->only && strcmp(place, mounts->only) != 0))
		return true;
	if (mounts->only)
		mounts->count = 0;
	struct status *grown = list_grow(mounts->all, mounts->count, sizeof *grown);
	mounts->failed = !grown;
	if (!grown)
		return false;
	mounts->all = grown;
	struct status *s = &mounts->all[mounts->count++];
	*s = (struct status){.mounted = *m};
	snprintf(s->place, sizeof s->place, "%s", place);
	return true;
}

/* --- for people ----------------------------------------------------------------- */

static const char *uptime_text(double seconds, char ret[UPTIME])
{
	static const struct {
		double seconds;
		const char *name, *rest;
		double each;
	} units[] = {{86400, "d", "h", 3600}, {3600, "h", "min", 60}, {60, "min", "s", 1}};
	double whole = seconds < 1e12 ? seconds : 1e12;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (whole >= units[i].seconds) {
			uint64_t n = (uint64_t)(whole / units[i].seconds);
			uint64_t rest = (uint64_t)((whole - (double)n * units[i].seconds) / units[i].each);
			snprintf(ret, UPTIME, "%" PRIu64 " %s %" PRIu64 " %s", n, units[i].name, rest, units[i].rest);
			return ret;
		}
	snprintf(ret, UPTIME, "%d s", (int)whole);
	return ret;
}

static const char *source_of(const struct status *s)
{
	return s->source ? s->source : s->mounted.source;
}

/* The sentence about a mount that does not serve, in which %s is the mountpoint; NULL: there is none. */
static const char *trouble(enum state state)
{
	switch (state) {
	case STATE_DEAD:
		return "its daemon has died; arrayfs unmount %s cleans up";
	case STATE_SILENT:
		return "no answer for 2 seconds; a disk that it reads from may hang, or its daemon was stopped; arrayfs unmount %s ends it";
	case STATE_CLOSED:
		return "only the user who mounted it may look into it: ask as that user";
	case STATE_COVERED:
		return "below another mount; umount %s uncovers it";
	case STATE_UNKNOWN:
		return "tells nothing of itself: another version's, or a part of a mount; ls %s shows what is there";
	default:
		return NULL;
	}
}

static void tell_trouble(const struct status *s)
{
	char words[PATH_MAX + 256];
	const char *sentence = trouble(s->state), *at = sentence ? strstr(sentence, "%s") : NULL;
	if (at)
		snprintf(words, sizeof words, "%.*s%s%s", (int)(at - sentence), sentence, s->place, at + 2);
	if (sentence)
		log_say("%s: %s", s->place, at ? words : sentence);
}

/* The columns after mountpoint and source. */
enum { PID, UP, FAILED, STATE, COLUMNS };
static const char *const heads[COLUMNS] = {"PID", "UP", "FAILED READS", "STATE"};

static void cells_of(const struct status *s, char cells[COLUMNS][UPTIME])
{
	bool serving = s->state == STATE_SERVING;
	for (int c = 0; c < COLUMNS; c++)
		snprintf(cells[c], UPTIME, "-");
	snprintf(cells[STATE], UPTIME, "%s", states[s->state]);
	if (!serving)
		return;
	snprintf(cells[PID], UPTIME, "%" PRIu64, s->pid);
	uptime_text(s->uptime, cells[UP]);
	snprintf(cells[FAILED], UPTIME, "%" PRIu64, s->failed_reads);
}

/* In a column of that width, of 0 for any. */
static void put_name(const struct terminal *t, const char *name, size_t width)
{
	size_t n = width ? terminal_put_within(t, name, width, 0) : terminal_put(t, name);
	printf("%*s", (int)(n < width ? width - n : 0), "");
}

static void put_row(const struct terminal *t, const char *place, const char *source, const size_t widths[2 + COLUMNS],
		    char cells[COLUMNS][UPTIME])
{
	put_name(t, place, widths[0]);
	fputs("  ", stdout);
	put_name(t, source, widths[1]);
	for (int c = 0; c < STATE; c++)
		if (widths[2 + c])
			printf("  %*s", (int)widths[2 + c], cells[c]);
	printf("  %s\n", cells[STATE]);
}

enum { NAME_LEAST = 4 };

static size_t width_behind(const size_t widths[2 + COLUMNS])
{
	size_t all = 0;
	for (int c = 0; c < COLUMNS; c++)
		all += widths[2 + c] ? widths[2 + c] + 2 : 0;
	return all;
}

/* Both names share what the terminal has left for them, and neither takes more than it needs.  Where
 * that is next to nothing, two columns give way. */
static void fit(const struct terminal *t, size_t widths[2 + COLUMNS])
{
	if (t->width && width_behind(widths) + 2 + 2 * NAME_LEAST > t->width)
		widths[2 + UP] = widths[2 + FAILED] = 0;
	size_t taken = width_behind(widths) + 2, room = t->width > taken + 2 * NAME_LEAST ? t->width - taken : 2 * NAME_LEAST, half = room / 2;
	if (!t->width || widths[0] + widths[1] <= room)
		return;
	if (widths[0] <= half)
		widths[1] = room - widths[0];
	else if (widths[1] <= room - half)
		widths[0] = room - widths[1];
	else
		widths[0] = half, widths[1] = room - half;
}

static void grow(size_t *width, size_t now)
{
	*width = now > *width ? now : *width;
}

static void put_table(const struct mounts *m)
{
	struct terminal t = terminal_of(STDOUT_FILENO);
	size_t widths[2 + COLUMNS] = {strlen("MOUNTPOINT"), strlen("SOURCE")};
	char cells[COLUMNS][UPTIME], top[COLUMNS][UPTIME];
	for (int c = 0; c < COLUMNS; c++) {
		snprintf(top[c], UPTIME, "%s", heads[c]);
		widths[2 + c] = strlen(heads[c]);
	}
	for (size_t i = 0; i < m->count; i++) {
		grow(&widths[0], terminal_width(&t, m->all[i].place));
		grow(&widths[1], terminal_width(&t, source_of(&m->all[i])));
		cells_of(&m->all[i], cells);
		for (int c = 0; c < COLUMNS; c++)
			grow(&widths[2 + c], strlen(cells[c]));
	}
	fit(&t, widths);
	put_row(&t, "MOUNTPOINT", "SOURCE", widths, top);
	for (size_t i = 0; i < m->count; i++) {
		cells_of(&m->all[i], cells);
		put_row(&t, m->all[i].place, source_of(&m->all[i]), widths, cells);
	}
}

/* --- of one --------------------------------------------------------------------- */

static void put_fact(const struct terminal *t, const char *name, const char *value)
{
	printf("%-13s ", name);
	if (t->width > 15)
		terminal_put_within(t, value, t->width - 14, 0);
	else
		terminal_put(t, value);
	putchar('\n');
}

static const char *log_text(const struct status *s, char ret[PATH_MAX + 64])
{
	const char *words = strcmp(s->log, "syslog") == 0 ? "the system's: journalctl -t arrayfs" :
			    strcmp(s->log, "stderr") == 0 ? "standard error" : strcmp(s->log, "memory") == 0 ? NULL : s->log;
	if (words)
		return words;
	snprintf(ret, PATH_MAX + 64, "%s/.arrayfs/log.txt alone, as there is no system log", s->place);
	return ret;
}

static void put_details(const struct status *s)
{
	struct terminal t = terminal_of(STDOUT_FILENO);
	char text[PATH_MAX + 64], up[UPTIME], size[SIZE_TEXT];
	put_fact(&t, "mountpoint", s->place);
	put_fact(&t, "source", source_of(s));
	put_fact(&t, "state", states[s->state]);
	if (s->state != STATE_SERVING)
		return;
	snprintf(text, sizeof text, "pid %" PRIu64 ", user %" PRIu64 ", arrayfs %.40s", s->pid, s->user, s->version);
	put_fact(&t, "daemon", text);
	snprintf(text, sizeof text, "%.40s, %s", s->since, uptime_text(s->uptime, up));
	put_fact(&t, "since", text);
	snprintf(text, sizeof text, "%" PRIu64, s->failed_reads);
	put_fact(&t, "failed reads", text);
	snprintf(text, sizeof text, "%s at most", size_text(s->resident_most, true, size));
	put_fact(&t, "memory", text);
	put_fact(&t, "log", log_text(s, text));
	put_fact(&t, "options", *s->options ? s->options : "none");
}

/* --- for programs ----------------------------------------------------------------- */

static void put_string(struct text *t, const char *name, const char *value)
{
	text_print(t, ",\"%s\":", name);
	text_json(t, slice_text(value));
}

static void put_json(const struct status *s)
{
	struct text t = {0};
	text_add(&t, "{\"mountpoint\":");
	text_json(&t, slice_text(s->place));
	put_string(&t, "source", source_of(s));
	put_string(&t, "state", states[s->state]);
	if (s->state == STATE_SERVING) {
		text_print(&t, ",\"pid\":%" PRIu64 ",\"user\":%" PRIu64, s->pid, s->user);
		put_string(&t, "version", s->version);
		put_string(&t, "since", s->since);
		text_add(&t, ",\"uptime\":");
		text_double(&t, s->uptime);
		text_print(&t, ",\"failed_reads\":%" PRIu64 ",\"resident_most\":%" PRIu64, s->failed_reads, s->resident_most);
		put_string(&t, "log", s->log);
		put_string(&t, "options", s->options);
	}
	if (!t.failed)
		printf("%s}\n", t.bytes);
	text_free(&t);
}

/* --- the whole ---------------------------------------------------------------------- */

/* The path to the mountpoint may cross a disk that does not answer. */
static char overdue[PATH_MAX + 64];

_Noreturn static void on_overdue(int sig)
{
	ssize_t ignored = write(STDERR_FILENO, overdue, strlen(overdue));
	(void)ignored, (void)sig;
	_exit(1);
}

static bool find_place(const char *mountpoint, char ret[PATH_MAX])
{
	char above[PATH_MAX];
	struct mounted mounted;
	snprintf(overdue, sizeof overdue, "arrayfs: %s: the file system that it is on does not answer\n", mountpoint);
	signal(SIGALRM, on_overdue);
	alarm(10);
	int r = mountpoint_resolve(mountpoint, ret);
	alarm(0);
	if (r < 0)
		log_say("%s: %s; arrayfs status lists the mounts", mountpoint, strerror(errno));
	else if (!mountpoint_look(ret, &mounted) && mountpoint_above(ret, above))
		log_say("%s: lies in the mount %s; name that", mountpoint, above);
	else if (!mountpoint_look(ret, &mounted))
		log_say("%s: nothing is mounted there; arrayfs status lists the mounts", mountpoint);
	else if (strcmp(mounted.type, "fuse.arrayfs") != 0)
		log_say("%s: a mount of type %s, not arrayfs's; arrayfs status lists those", mountpoint, mounted.type);
	else
		return true;
	return false;
}

static void tell(const struct mounts *m, const struct options *o)
{
	for (size_t i = 0; i < m->count && o->list_json; i++)
		put_json(&m->all[i]);
	if (o->list_json)
		return;
	if (m->only)
		put_details(m->all);
	else if (m->count)
		put_table(m);
	else
		log_say("nothing is mounted; arrayfs SOURCE MOUNTPOINT mounts");
	fflush(stdout);
	for (size_t i = 0; i < m->count; i++)
		tell_trouble(&m->all[i]);
}

int status_run(const struct options *o)
{
	char place[PATH_MAX];
	struct mounts m = {.only = o->source ? place : NULL};
	if (o->source && !find_place(o->source, place))
		return 1;
	mountpoint_each(add, &m);
	if (m.failed) {
		log_say("no memory for the mounts");
		return 1;
	}
	status_ask(m.all, m.count);
	if (!m.only || m.count)
		tell(&m, o);
	for (size_t i = 0; i < m.count; i++)
		status_free(&m.all[i]);
	free(m.all);
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	log_say("standard output: %s", strerror(errno));
	return 1;
}
