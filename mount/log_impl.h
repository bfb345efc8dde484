/* SPDX-License-Identifier: MIT */
#pragma once
#include "mount/log.h"

/* The size of a message; and of a line with every byte escaped as three, plus the prefix. */
enum { LINE = 1024, LINE_ROOM = LINE * 3 + 64 };

/* Writes a line to its destination (mount/log_sink.c). The line has neither "arrayfs: "
 * nor a newline. */
void log_sink(const char *line);
