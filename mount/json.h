/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdio.h>

#include "fs/cursor.h"

/* Writes s as a JSON string.  What is not UTF-8 becomes '%' and two hex digits,
 * as it does in names, so that the output is valid whatever the bytes. */
void json_put_string(FILE *out, struct slice s);
