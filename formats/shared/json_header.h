/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"

/* For details() of a format whose header is JSON: its bytes in the source, on one line: `,"header":{…}`. */
int json_header_put(const struct source *s, uint64_t offset, uint64_t len, struct text *ret, struct error *err);
