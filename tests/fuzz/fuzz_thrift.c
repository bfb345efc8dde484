/* SPDX-License-Identifier: MIT */
/* A struct in Thrift's compact protocol, as footers and page headers of Parquet are:
 * reading all of it ends where stepping over it ends. */
#include "formats/parquet/parquet.h"
#include "formats/parquet/thrift.h"
#include "tests/fuzz/fuzz.h"

enum { DEPTH = 16 };

static void read_struct(struct cursor *c, unsigned depth);

static void read_value(struct cursor *c, const struct pq_thrift_field *f, unsigned depth)
{
	struct slice bytes = {NULL, 0};
	uint32_t count;
	int64_t n = 0;
	bool b = false;
	if (f->type == THRIFT_STRUCT && depth > 0) {
		if (pq_thrift_struct(c, f))
			read_struct(c, depth - 1);
	} else if (f->type == THRIFT_LIST && depth > 0) {
		struct cursor head = *c;
		struct pq_thrift_field element = {.type = pq_thrift_byte(&head) & 15};
		if (element.type <= THRIFT_FALSE) {
			pq_thrift_skip(c, f); /* a byte each, and not in the type, as elsewhere */
			return;
		}
		HOLDS(pq_thrift_list(c, f, element.type, &count) || c->failed);
		for (uint32_t i = 0; i < count && !c->failed; i++)
			read_value(c, &element, depth - 1);
	} else if (f->type == THRIFT_BINARY) {
		pq_thrift_binary(c, f, &bytes);
		HOLDS(c->failed || bytes.data + bytes.len == c->pos);
	} else if (f->type == THRIFT_TRUE || f->type == THRIFT_FALSE) {
		pq_thrift_bool(c, f, &b);
		HOLDS(b == (f->type == THRIFT_TRUE));
	} else {
		pq_thrift_int(c, f, &n);
	}
}

static void read_struct(struct cursor *c, unsigned depth)
{
	struct pq_thrift_field f = {0};
	while (pq_thrift_field(c, &f))
		read_value(c, &f, depth);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice all = {data, size};
	struct cursor skipped = cursor_over(all), read = skipped, header = skipped, chunk = skipped;
	struct pq_thrift_field f = {0};
	while (pq_thrift_field(&skipped, &f))
		pq_thrift_skip(&skipped, &f);
	read_struct(&read, DEPTH);
	HOLDS(skipped.failed || (!read.failed && skipped.pos == read.pos)); /* which may go deeper */

	struct pq_page_header page;
	struct error err = {0};
	int r = pq_page_header(&header, &page, &err);
	HOLDS(r == 0 ? skipped.failed || header.pos == skipped.pos : err.text[0] != '\0');

	struct chunk known;
	pq_chunk_read(&chunk, &known);
	HOLDS(chunk.failed || skipped.failed || chunk.pos == skipped.pos);
	return 0;
}
