/* SPDX-License-Identifier: MIT */
#pragma once
#include "mount/log.h"

/* A line as it was said, and with its escapes, each three times as long, and what stands
 * before it. */
enum { LINE = 1024, LINE_ROOM = LINE * 3 + 64 };

/* Where lines go (mount/log_sink.c).  Without "arrayfs: " and an end. */
void log_sink(const char *line);
