/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/*
 * Sizes as people read them, the same everywhere: in powers of 1024, like `ls -h` and
 * cache=SIZE.
 */
enum { SIZE_TEXT = 32 };

/* If human, two digits and a unit, rounded up: "1.5G", "23M", "512". Else all digits. */
const char *size_text(uint64_t bytes, bool human, char ret[SIZE_TEXT]);
