/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>

#include "fs/values/array.h"
#include "mount/terminal.h"

/*
 * A tree for people: what is in it is added in the order of a walk, directories
 * above come by themselves, and each tells how much is in it.
 */
struct outline;

struct outline_leaf {
	const char *path;          /* below the root, without a leading '/' */
	const char *dtype, *shape; /* "" for nothing to tell */
	bool directory;            /* an empty one, or one whose dtype is told: what is in it comes next */
	bool sized;                /* bytes are known */
	uint64_t bytes;
};

/* NULL without memory, as false below. */
struct outline *outline_new(const char *root);
bool outline_add(struct outline *o, const struct outline_leaf *leaf);
void outline_put(const struct outline *o, const struct terminal *t, bool human);
void outline_free(struct outline *o);

/* "1.5G" if human, as ls -h has it, else all digits. */
enum { SIZE_TEXT = 32 };
const char *size_text(uint64_t bytes, bool human, char ret[SIZE_TEXT]);
