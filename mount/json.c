/* SPDX-License-Identifier: MIT */
#include "mount/json.h"

#include "fs/name.h"

void json_put_string(FILE *out, struct slice s)
{
	putc('"', out);
	while (s.len > 0) {
		size_t n = utf8_length(s);
		uint8_t c = s.data[0];
		if (n == 0)
			fprintf(out, "%%%02X", c), n = 1;
		else if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			fprintf(out, "\\u%04x", c);
		else
			fwrite(s.data, 1, n, out);
		s.data += n, s.len -= n;
	}
	putc('"', out);
}
