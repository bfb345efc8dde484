/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>

/* An escape in a JSON string (RFC 8259, 7). */
enum { JSON_ESCAPE_NONE = -1, JSON_ESCAPE_HALF = -2 };

/* The character that the escape at p, where its backslash is, stands for; *ret_next is after it.
 * JSON_ESCAPE_NONE if JSON does not have it, JSON_ESCAPE_HALF for half a surrogate pair, which is no
 * character: then *ret_next is as it was. */
int32_t json_escape(const uint8_t *p, const uint8_t *end, const uint8_t **ret_next);
