/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"

/* What is shown of a header in JSON, whatever it describes. */

/* Sets the node's attribute "user.attr.NAME". */
void json_header_attr(struct archive *a, uint32_t node, struct arena *scratch, struct slice name, struct slice value);

/* For details(): the bytes of the source, which are the header, on one line: `,"header":{…}`. */
int json_header_put(const struct source *s, uint64_t offset, uint64_t len, struct text *ret, struct error *err);
