/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "mount/command.h"
#include "mount/daemon/helper.h"
#include "mount/log.h"
#include "mount/options.h"
#include "mount/version.h"

/* malloc keeps this much freed memory, in each of ARENAS arenas: enough for the 8 MB
 * pieces in which files are copied, which it would otherwise unmap and map again each
 * time. By default it could keep up to 64 MB per thread. */
enum { KEPT = 9 << 20, ARENAS = 2 };

/* If our parent closed one of the three standard descriptors, the next open(), of the
 * FUSE device for example, would get its number, and messages would go there. So fill the
 * gaps, opened such that the stand-ins are unusable, too. */
static void hold_places(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

static int end_output(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	log_say("standard output: %s", strerror(errno));
	return 1;
}

static int run(const struct options *o, bool fake)
{
	if (o->help)
		command_help(o->command);
	else if (o->help_mount)
		options_mount_help();
	else if (o->version)
		puts("arrayfs " VERSION);
	else
		return fake ? 0 : o->command->run(o);
	return end_output();
}

int main(int argc, char **argv)
{
	mallopt(M_MMAP_THRESHOLD, KEPT);
	mallopt(M_TRIM_THRESHOLD, KEPT);
	mallopt(M_ARENA_MAX, ARENAS);
	struct options o;
	struct helper helper = {0};
	hold_places();
	int r = helper_is(argv[0]) ? helper_parse(&helper, argc, argv) : 0;
	if (r)
		return r;
	r = helper.argc ? options_parse(&o, helper.argc, helper.argv, false) : options_parse(&o, argc, argv, true);
	/* A closed pipe ends a command quietly, even if our parent ignores SIGPIPE; a
	 * mount has its own handlers. */
	signal(SIGPIPE, SIG_DFL);
	if (r == 0)
		r = run(&o, helper.fake);
	options_free(&o);
	return r;
}
