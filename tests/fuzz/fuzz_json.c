/* SPDX-License-Identifier: MIT */
/* A JSON text: reading all of it ends where stepping over it ends, and finds the same
 * fault. */
#include "fs/base/name.h"
#include "fs/values/json.h"
#include "tests/fuzz/fuzz.h"

static void read_number(struct json *j)
{
	struct json ahead = *j;
	struct slice text = json_skip(j);
	char digits[24];
	uint64_t n = json_u64(&ahead);
	if (ahead.failed)
		return;
	HOLDS(!j->failed && ahead.c.pos == j->c.pos);
	int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
	HOLDS(slice_equal(text, (struct slice){(const uint8_t *)digits, (size_t)len}));
}

static void read_value(struct json *j)
{
	struct slice name;
	switch (json_peek(j)) {
	case JSON_OBJECT:
		json_object(j);
		while (json_member(j, &name)) {
			HOLDS(utf8_valid(name));
			read_value(j);
		}
		break;
	case JSON_ARRAY:
		json_array(j);
		while (json_element(j))
			read_value(j);
		break;
	case JSON_STRING:
		name = json_string(j);
		HOLDS(j->failed || utf8_valid(name));
		break;
	case JSON_NULL:
		json_null(j);
		break;
	case JSON_NUMBER:
		read_number(j);
		break;
	case JSON_BOOL:
	case JSON_NONE:
		(void)json_skip(j);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = {data, size};
	struct arena arena = {.limit = 64 << 20};
	struct error read_err = {0}, skip_err = {0};
	if (!utf8_valid(text))
		return 0;
	struct json read = json_over(text, &arena), skip = read;
	read_value(&read);
	(void)json_skip(&skip);
	int r = json_end(&read, &read_err, "a text"), s = json_end(&skip, &skip_err, "a text");
	HOLDS(r == s && read.c.pos == skip.c.pos && strcmp(read_err.text, skip_err.text) == 0);
	arena_free(&arena);
	return 0;
}
