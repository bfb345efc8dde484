/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/json.h"

/* What the files of the reader share: json_number.c has the numbers. */

/* Steps over the number that comes next. */
void json_skip_number(struct json *j);
