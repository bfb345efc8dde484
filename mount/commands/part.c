/* SPDX-License-Identifier: MIT */
#include "mount/commands/part.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

bool part_split(const char *operand, struct part *ret)
{
	struct stat st;
	char *slash;
	*ret = (struct part){strdup(operand), ""};
	if (!ret->source || stat(operand, &st) == 0 || errno != ENOTDIR)
		return ret->source;
	while ((slash = strrchr(ret->source, '/')) && slash > ret->source) {
		*slash = '\0';
		if (stat(ret->source, &st) == 0) {
			const char *within = operand + (slash - ret->source);
			ret->within = within + strspn(within, "/");
			return true;
		}
	}
	strcpy(ret->source, operand);
	return true;
}
