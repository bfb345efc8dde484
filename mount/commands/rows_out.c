/* SPDX-License-Identifier: MIT */
/* The memory of rows. */
#include <stdlib.h>

#include "mount/commands/rows_out.h"

void rows_flush(struct rows_out *o)
{
	if (!o->failed && o->len)
		o->failed |= o->flush(o, o->bytes, o->len) != 0;
	o->len = 0;
}

char *rows_out_grow(struct rows_out *o, size_t n)
{
	if (o->flush && o->len + n > o->most)
		rows_flush(o);
	if (o->room - o->len < n) {
		size_t want = o->room * 2 > o->len + n ? o->room * 2 : o->len + n;
		want = o->flush && want > o->most && o->len + n <= o->most ? o->most : want;
		char *grown = o->failed ? NULL : realloc(o->bytes, want);
		if (!grown) {
			o->failed = true;
			return NULL;
		}
		o->bytes = grown;
		o->room = want;
	}
	return o->bytes + o->len;
}

void rows_out_add_long(struct rows_out *o, const void *bytes, size_t len)
{
	if (o->flush && len > o->most / 2) { /* as it is, without a copy */
		rows_flush(o);
		if (!o->failed)
			o->failed |= o->flush(o, bytes, len) != 0;
		return;
	}
	char *to = rows_room(o, len);
	if (to) {
		memcpy(to, bytes, len);
		o->len += len;
	}
}

void rows_out_free(struct rows_out *o)
{
	if (o->nested)
		rows_out_free(o->nested);
	free(o->nested);
	free(o->bytes);
	*o = (struct rows_out){0};
}
