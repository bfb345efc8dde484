/* SPDX-License-Identifier: MIT */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>

#include "mount/commands.h"
#include "mount/daemon.h"
#include "mount/helper.h"
#include "mount/options.h"
#include "mount/version.h"

/* What the C library keeps for each thread once it was freed: else a share of the
 * largest that it ever had, up to 64 MB. */
enum { KEPT = 4 << 20 };

int main(int argc, char **argv)
{
	mallopt(M_MMAP_THRESHOLD, KEPT);
	mallopt(M_TRIM_THRESHOLD, KEPT);
	struct options o;
	struct helper helper = {0};
	int r = helper_is(argv[0]) ? helper_parse(&helper, argc, argv) : 0;
	if (r)
		return r;
	r = helper.argc ? options_parse(&o, helper.argc, helper.argv) : options_parse(&o, argc, argv);
	/* A closed pipe ends a command quietly, whatever our parent thinks of it;
	 * a mount has its own handlers. */
	signal(SIGPIPE, SIG_DFL);
	if (r == 0) {
		switch (o.command) {
		case COMMAND_HELP:
			options_help();
			break;
		case COMMAND_VERSION:
			puts("arrayfs " VERSION);
			break;
		case COMMAND_MOUNT:
			r = helper.fake ? 0 : daemon_run(&o);
			break;
		case COMMAND_UNMOUNT:
			r = unmount_run(o.source);
			break;
		case COMMAND_LIST:
			r = list_run(&o);
			break;
		case COMMAND_CAT:
			r = cat_run(&o);
			break;
		case COMMAND_EXTRACT:
			r = extract_run(&o);
			break;
		case COMMAND_DIFF:
			r = diff_run(&o);
			break;
		}
	}
	options_free(&o);
	return r;
}
