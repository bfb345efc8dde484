/* SPDX-License-Identifier: MIT */
#include "mount/daemon/helper.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "mount/log.h"

enum { USAGE = 2 };

static const char libfuses[] = "/sbin/mount.fuse3";

bool helper_is(const char *name)
{
	const char *slash = name ? strrchr(name, '/') : NULL;
	return name && strncmp(slash ? slash + 1 : name, "mount.", 6) == 0;
}

/* Does the option list contain the name? A name that ends with '=' matches any value. */
static bool has_word(const char *list, const char *name)
{
	size_t n = strlen(name);
	for (const char *at = list; at && *at; at += *at == ',') {
		if (strncmp(at, name, n) == 0 && (name[n - 1] == '=' || at[n] == ',' || at[n] == '\0'))
			return true;
		for (; *at && *at != ','; at++)
			if (at[0] == '\\' && at[1])
				at++;
	}
	return false;
}

static int leave_to_libfuse(char **argv)
{
	static char name[] = "mount.fuse.arrayfs"; /* tells libfuse's helper to run arrayfs */
	argv[0] = name;
	execv(libfuses, argv);
	log_say("setuid= and drop_privileges need %s: %s", libfuses, strerror(errno));
	return 1;
}

/* Rewrites it as an arrayfs command line, where -o may be repeated, too. */
static void say_again(struct helper *h, char *name, char **lists, int nlists, char **operands)
{
	static char o[] = "-o", end[] = "--";
	h->argv[h->argc++] = name;
	for (int i = 0; i < nlists; i++) {
		h->argv[h->argc++] = o;
		h->argv[h->argc++] = lists[i];
	}
	h->argv[h->argc++] = end;
	h->argv[h->argc++] = operands[0];
	h->argv[h->argc++] = operands[1];
}

int helper_parse(struct helper *ret, int argc, char **argv)
{
	char *operands[2] = {NULL, NULL}, *lists[HELPER_LISTS];
	int n = 0, nlists = 0;
	bool left = false;
	*ret = (struct helper){0};
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];
		if (word[0] != '-') {
			if (n < 2)
				operands[n] = argv[i];
			n++;
		} else if (strcmp(word, "-o") == 0 && i + 1 < argc) {
			if (nlists == HELPER_LISTS) {
				log_say("-o is given more than %d times", HELPER_LISTS);
				return USAGE;
			}
			lists[nlists++] = argv[++i];
			left = left || has_word(argv[i], "setuid=") || has_word(argv[i], "drop_privileges");
		} else if (strcmp(word, "-t") == 0 && i + 1 < argc) {
			i++;
		} else if (strspn(word + 1, "sfnv") == strlen(word + 1) && word[1]) {
			ret->fake = ret->fake || strchr(word, 'f');
		} else { /* includes -N: a daemon in one mount namespace cannot serve files of another */
			log_say("unknown option %s (this is mount(8)'s helper: see arrayfs --help)", word);
			return USAGE;
		}
	}
	if (n != 2) {
		log_say("SOURCE and MOUNTPOINT are needed (this is mount(8)'s helper: see arrayfs --help)");
		return USAGE;
	}
	if (left)
		return leave_to_libfuse(argv);
	say_again(ret, argv[0], lists, nlists, operands);
	return 0;
}
