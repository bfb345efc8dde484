/* SPDX-License-Identifier: MIT */
#include "mount/command.h"

#include <stdio.h>
#include <string.h>

#include "mount/commands/commands.h"
#include "mount/daemon/daemon.h"
#include "mount/status.h"

const struct command command_mount = {
	.synopsis = "[options] SOURCE MOUNTPOINT", .operands = {"SOURCE", "MOUNTPOINT"}, .most = 2, .two = true, .run = daemon_run,
};

/* A help text has at most 24 lines of at most 80 columns. */
const struct command commands[] = {
	{
		.word = "list", .alias = "ls", .about = "names, types, shapes, sizes",
		.synopsis = "[-l | --tree | --json] [-h] [--depth N] SOURCE [PATH...]",
		.help = "Prints the paths in SOURCE, or those at and below PATH, one a line.  PATH may\n"
			"be a pattern such as 'layers.*', also of cat, stats and extract.\n"
			"\n"
			"  -l, --long        with dtype, shape and size\n"
			"      --tree        as a tree with totals, equal layers as one line\n"
			"      --json        everything known, one object a line\n"
			"  -h, -H            sizes like 1.5G\n"
			"      --depth N     at most N names deep; -l and --tree tell the rest's size\n"
			"      --color=WHEN  always, never or auto\n",
		.operands = {"SOURCE"}, .most = -1, .run = list_run,
		.takes = TAKES(OPTION_LONG) | TAKES(OPTION_TREE) | TAKES(OPTION_JSON) | TAKES(OPTION_HUMAN) | TAKES(OPTION_DEPTH) |
			 TAKES(OPTION_COLOR),
	},
	{
		.word = "info", .about = "what it is, at a glance",
		.synopsis = "[--json] SOURCE [PATH]",
		.help = "Tells in 20 lines what SOURCE is: format, writer, number of arrays and of\n"
			"parameters, dtypes, attributes, the largest arrays; of a table its rows and\n"
			"columns.  With PATH: what is known of that array, or of all in that directory.\n"
			"Reads no more than metadata, and the first values of an array.\n"
			"\n"
			"      --json        one object\n",
		.operands = {"SOURCE"}, .most = 2, .run = info_run,
		.takes = TAKES(OPTION_JSON),
	},
	{
		.word = "cat", .about = "the bytes of an array",
		.synopsis = "[--rows A:B] [--force] SOURCE PATH...",
		.help = "Writes the bytes of each PATH to standard output, without a header.\n"
			"\n"
			"      --rows A:B    only these rows, as a Python slice of the first dimension\n"
			"      --force       binary to a terminal, too\n",
		.operands = {"SOURCE", "PATH"}, .most = -1, .run = cat_run,
		.takes = TAKES(OPTION_ROWS) | TAKES(OPTION_FORCE),
	},
	{
		.word = "rows", .about = "a table's rows as text",
		.synopsis = "[--csv | --tsv | --jsonl] [--rows A:B] SOURCE [COLUMN...]",
		.help = "Prints a table's rows, or those columns of it.\n"
			"\n"
			"      --csv         comma-separated, with a header (the default)\n"
			"      --tsv         the same with tabs\n"
			"      --jsonl       one JSON object a line\n"
			"      --rows A:B    only these rows, as a Python slice\n",
		.operands = {"SOURCE"}, .most = -1, .run = rows_run,
		.takes = TAKES(OPTION_CSV) | TAKES(OPTION_TSV) | TAKES(OPTION_JSONL) | TAKES(OPTION_ROWS),
	},
	{
		.word = "stats", .about = "min, max, mean, std, NaN",
		.synopsis = "[--hist N] [--json] [--fail-nan] SOURCE [PATH...]",
		.help = "Prints of each array in SOURCE, or at and below PATH, how many elements it has,\n"
			"their min, max, mean and standard deviation, and how many are zero, NaN and\n"
			"infinite.  Nulls are left out; min to std are of the finite values.\n"
			"\n"
			"      --hist N      a histogram, too, of N bins\n"
			"      --json        one object a line\n"
			"      --fail-nan    the exit code is 1 if there is a NaN\n",
		.operands = {"SOURCE"}, .most = -1, .run = stats_run,
		.takes = TAKES(OPTION_HIST) | TAKES(OPTION_JSON) | TAKES(OPTION_FAIL_NAN),
	},
	{
		.word = "extract", .about = "write plain files",
		.synopsis = "[--force | --resume] [--npy] SOURCE DEST [PATH...]",
		.help = "Writes plain files below DEST, which is created if it is missing.\n"
			"\n"
			"      --force       overwrite existing files\n"
			"      --resume      keep what an earlier run has written\n"
			"      --npy         write .npy files\n",
		.operands = {"SOURCE", "DEST"}, .most = -1, .two = true, .writes = true, .run = extract_run,
		.takes = TAKES(OPTION_FORCE) | TAKES(OPTION_RESUME) | TAKES(OPTION_NPY),
	},
	{
		.word = "diff", .about = "what differs between two",
		.synopsis = "[--atol X] [--rtol Y] [--json] A B",
		.help = "Compares two sources, of any format: names, types, shapes, values, attributes.\n"
			"Either may be a part of a file: last.ckpt/state_dict.\n"
			"\n"
			"      --atol X, --rtol Y   numbers are the same if |a - b| <= X + Y * |b|\n"
			"      --json               one object\n"
			"\n"
			"Exit codes: 0 same, 1 different, 2 trouble.\n",
		.operands = {"SOURCE", "second SOURCE"}, .most = 2, .two = true, .run = diff_run,
		.takes = TAKES(OPTION_ATOL) | TAKES(OPTION_RTOL) | TAKES(OPTION_JSON),
	},
	{
		.word = "verify", .about = "check every checksum",
		.synopsis = "[--json] SOURCE",
		.help = "Checks every checksum there is, decodes every array once, and holds files\n"
			"against manifest.json, SHA256SUMS and the names of a hub's blobs.\n"
			"\n"
			"      --json        one object a line, for what is whole, too\n"
			"\n"
			"Exit codes: 0 whole, 1 faults, 2 trouble.\n",
		.operands = {"SOURCE"}, .most = 1, .run = verify_run,
		.takes = TAKES(OPTION_JSON),
	},
	{
		.word = "status", .about = "mounts, and how they do",
		.synopsis = "[--json] [MOUNTPOINT]",
		.help = "Lists the mounts of this machine: source, pid, for how long, failed reads.  Of\n"
			"one MOUNTPOINT also the version, the options, and where its log goes.\n"
			"\n"
			"      --json        one object a line\n"
			"\n"
			"Exit codes: 0 done, 1 if MOUNTPOINT is not a mount of arrayfs.\n",
		.most = 1, .run = status_run,
		.takes = TAKES(OPTION_JSON),
	},
	{
		.word = "unmount", .alias = "umount", .about = "end a mount",
		.synopsis = "MOUNTPOINT",
		.help = "Unmounts, waits for the daemon to end, and cleans up after one that was killed.\n",
		.operands = {"MOUNTPOINT"}, .most = 1, .run = unmount_run,
	},
	{0},
};

const struct command *command_find(const char *word)
{
	for (const struct command *c = commands; c->word; c++)
		if (strcmp(word, c->word) == 0 || (c->alias && strcmp(word, c->alias) == 0))
			return c;
	return NULL;
}

static void help_of(const struct command *c)
{
	printf("usage: arrayfs %s %s\n\n%s\n", c->word, c->synopsis, c->help);
	if (c->alias)
		printf("`%s` is the same.  ", c->alias);
	fputs(strcmp(c->synopsis, "MOUNTPOINT") == 0 || c->run == status_run ? "" : "Mount options (-o): arrayfs -o help.  ", stdout);
	puts("More: man arrayfs");
}

/* The commands in two columns, read downwards. */
static void list_commands(void)
{
	int n = 0;
	while (commands[n].word)
		n++;
	for (int row = 0, rows = (n + 1) / 2; row < rows; row++) {
		const struct command *left = &commands[row], *right = &commands[row + rows];
		if (row + rows < n)
			printf("  %-8s %-29s  %-8s %s\n", left->word, left->about, right->word, right->about);
		else
			printf("  %-8s %s\n", left->word, left->about);
	}
}

static void help_of_all(void)
{
	fputs("usage: arrayfs [options] SOURCE MOUNTPOINT\n"
	      "       arrayfs COMMAND [options] SOURCE [PATH...]\n"
	      "\n"
	      "Mounts an archive of arrays, read-only, as a directory of plain files.  SOURCE\n"
	      "is an archive, an index of several, or a directory.  Commands need no mount:\n"
	      "\n", stdout);
	list_commands();
	fputs("\n"
	      "  -f  stay in the foreground      -o OPT[,OPT]   mount options: arrayfs -o help\n"
	      "  -d  log every request           -h, --help     also of a command\n"
	      "  -s  serve with one thread       -V, --version\n"
	      "\n"
	      "  $ arrayfs model.safetensors m && ls -l m && arrayfs unmount m\n"
	      "  $ arrayfs list --long model.safetensors 'model.layers.0.*'\n"
	      "  $ arrayfs rows --csv trades.parquet city price | head\n"
	      "\n"
	      "Exit codes: 0 done, 1 refused or failed, 2 usage.  More: man arrayfs\n", stdout);
}

void command_help(const struct command *c)
{
	if (c->word)
		help_of(c);
	else
		help_of_all();
}
