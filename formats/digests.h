/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/arena.h"

/*
 * Lists of SHA-256 digests that lie beside the files which they name.
 *
 *   manifest.json   {"NAME": "HEX", …} or {"NAME": {"sha256": "HEX", …}, …}; or such an object, or
 *                   a list of {"name": "NAME", "sha256": "HEX", …}, below "files", "sha256" and the
 *                   like, at the top or in an object there.  Without any of these it is another
 *                   kind of manifest, which names no digests.
 *   SHA256SUMS      as sha256sum(1) writes it, with --binary and --tag, too
 */

/* `name` is what the list says, and need be no name that may be opened; valid during the call.
 * What it returns, unless 0, ends the reading and is returned. */
typedef int digest_each(void *arg, struct slice name, const uint8_t sha256[32]);

struct digest_list {
	const char *file;

	/* Calls each() for all that the text names.  -EBADMSG if the text, or a line of it, is
	 * broken; what is valid is reported all the same. */
	int (*read)(struct slice text, struct arena *arena, digest_each *each, void *arg, struct error *err);
};

extern const struct digest_list digest_lists[]; /* ends with a NULL file */

/* Reads 64 hexadecimal digits, neither more nor fewer. */
bool digest_hex(struct slice hex, uint8_t ret[32]);
