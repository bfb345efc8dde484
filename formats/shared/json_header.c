/* SPDX-License-Identifier: MIT */
#include "formats/shared/json_header.h"

int json_header_put(const struct source *s, uint64_t offset, uint64_t len, struct text *ret, struct error *err)
{
	char piece[1 << 14];
	int failed = source_check(s, offset, len, err); /* before beginning what could not be finished */
	if (failed < 0)
		return failed;
	text_add(ret, ",\"header\":");
	for (uint64_t n; len > 0 && !ret->failed; offset += n, len -= n) {
		n = len < sizeof piece ? len : sizeof piece;
		int r = source_read(s, offset, piece, (size_t)n, err);
		if (r < 0)
			return r;
		for (uint64_t i = 0; i < n; i++) /* white space: JSON strings contain no control bytes */
			if ((unsigned char)piece[i] < ' ')
				piece[i] = ' ';
		text_put(ret, (struct slice){(uint8_t *)piece, (size_t)n});
	}
	return 0;
}
