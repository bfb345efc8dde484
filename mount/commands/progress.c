/* SPDX-License-Identifier: MIT */
#include "mount/commands/progress.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mount/terminal.h"
#include "mount/units.h"

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

bool progress_wanted(void)
{
	return isatty(STDERR_FILENO);
}

struct progress progress_begin(uint64_t total)
{
	return (struct progress){.total = total, .began = now()};
}

static void print(const struct progress *p, double passed)
{
	enum { BAR = 24, AROUND = 4 }; /* the widest bar; its brackets, and spaces, one of them in the last column */
	static const char done[] = "########################", left[] = "........................";
	double share = p->total && p->done < p->total ? (double)p->done / (double)p->total : 1;
	char so_far[SIZE_TEXT], total[SIZE_TEXT], rate[SIZE_TEXT], text[4 * SIZE_TEXT];
	snprintf(text, sizeof text, "%s of %s, %s/s, %.0f s left", size_text(p->done, true, so_far), size_text(p->total, true, total),
		 size_text((uint64_t)((double)p->done / passed), true, rate), share > 0 ? passed / share - passed : 0);
	int columns = (int)terminal_columns(STDERR_FILENO), room = (columns ? columns : INT16_MAX) - (int)strlen(text) - AROUND;
	int bar = room < BAR ? room : BAR, full = (int)(share * bar);
	if (bar > 0)
		fprintf(stderr, "\r[%.*s%.*s] %s \033[K", full, done, bar - full, left, text);
	else
		fprintf(stderr, "\r%.*s\033[K", columns - 1, text);
	fflush(stderr);
}

void progress_add(struct progress *p, uint64_t bytes)
{
	double t = now(), passed = t - p->began;
	p->done += bytes;
	if (!progress_wanted() || t - p->printed < 0.1 || passed < 0.3)
		return;
	print(p, passed);
	p->printed = t;
	p->shown = true;
}

void progress_clear(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}

static void on_signal(int sig)
{
	static const char clear[] = "\r\033[K";
	ssize_t ignored = write(STDERR_FILENO, clear, sizeof clear - 1);
	(void)ignored;
	raise(sig);
}

void progress_heed_signals(void)
{
	struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};
	if (!progress_wanted())
		return;
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
}
