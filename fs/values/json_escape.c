/* SPDX-License-Identifier: MIT */
#include "fs/values/json_escape.h"

#include <string.h>

static int hex4(const uint8_t *p, const uint8_t *end)
{
	int value = 0;
	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		uint8_t c = p[i], low = c | 0x20;
		int digit = c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

int32_t json_escape(const uint8_t *p, const uint8_t *end, const uint8_t **ret_next)
{
	static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	uint8_t c = end - p >= 2 ? p[1] : 0;
	const char *letter = c ? strchr(letters, c) : NULL;
	if (letter) {
		*ret_next = p + 2;
		return meant[letter - letters];
	}
	int code = c == 'u' ? hex4(p + 2, end) : -1;
	if (code < 0)
		return JSON_ESCAPE_NONE;
	if (code < 0xd800 || code > 0xdfff) {
		*ret_next = p + 6;
		return code;
	}
	int low = code < 0xdc00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u' ? hex4(p + 8, end) : -1;
	if (low < 0xdc00 || low > 0xdfff)
		return JSON_ESCAPE_HALF;
	*ret_next = p + 12;
	return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
}
