/* SPDX-License-Identifier: MIT */
/* What is meant by the words of other programs. */
#include <string.h>
#include <sys/stat.h>

#include "mount/command.h"
#include "mount/options_impl.h"
#include "mount/suggest.h"

/* Options of other programs, and what does the same here. */
static const struct {
	const char *option, *command, *meant;
} strange_options[] = {
	{"-n", "rows", "--rows 0:N"},     {"--head", "rows", "--rows 0:N"},   {"--limit", "rows", "--rows 0:N"},
	{"--tail", "rows", "--rows -N:"}, {"--json", "rows", "--jsonl"},      {"--text", "cat", "the PATH .arrayfs/text/PATH.txt"},
};

const char *options_meant(const struct command *command, const char *option)
{
	for (size_t i = 0; command->word && i < sizeof strange_options / sizeof *strange_options; i++)
		if (strcmp(option, strange_options[i].option) == 0 && strcmp(command->word, strange_options[i].command) == 0)
			return strange_options[i].meant;
	return NULL;
}

/* Words of other programs, and what is called otherwise here. */
static const struct {
	const char *word, *meant;
} strange[] = {
	{"help", "arrayfs --help"},     {"version", "arrayfs --version"}, {"mount", "arrayfs SOURCE MOUNTPOINT"},
	{"tree", "arrayfs list --tree"}, {"find", "arrayfs list"},        {"du", "arrayfs list --tree"},
	{"head", "arrayfs rows --rows 0:10"}, {"compare", "arrayfs diff"}, {"check", "arrayfs verify"},
	{"export", "arrayfs extract"},  {"unpack", "arrayfs extract"},    {"get", "arrayfs cat"},
};

int options_check_word(int n, char **operands)
{
	struct stat st;
	if (n == 0 || strchr(operands[0], '/') || lstat(operands[0], &st) == 0)
		return 0;
	for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
		if (strcmp(operands[0], strange[i].word) == 0)
			return options_hint("'%s' is neither a command nor a file; did you mean `%s`?", operands[0], strange[i].meant);
	struct suggestion s = {.word = operands[0]};
	for (const struct command *c = commands; c->word; c++) {
		suggest(&s, slice_text(c->word));
		if (c->alias)
			suggest(&s, slice_text(c->alias));
	}
	return s.best.data ? options_hint("'%s' is neither a command nor a file; did you mean '%s'?", operands[0], (const char *)s.best.data) : 0;
}
