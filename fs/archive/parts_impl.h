/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/parts.h"

/* parts.c, for parts_find.c: an cache with none open. */
void parts_init(struct parts *p, struct archive *whole, const struct format *format);
