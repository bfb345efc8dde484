/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/values/json.h"

/* Shared by the files of the reader; json_number.c reads numbers. */

/* Skips the next number. */
void json_skip_number(struct json *j);
