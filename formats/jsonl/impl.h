/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/records.h"

/* JSON text as events. */
struct jsonl_feed {
	struct records_feed feed;
	const uint8_t *bytes, *p, *end; /* of the span; what comes next */
	uint64_t at;          /* of bytes[0], in the file */
	bool array;           /* the records are elements of one array; else lines */
	bool more;            /* of an array: a comma has to come before the next record */
	bool closed;          /* and that it has ended */
	bool last;            /* the bytes end where the file does */
	bool skip_bad;        /* broken lines are passed over, and counted */
	bool first, value;    /* next comes the first of a container; the value of a key */
	bool words;           /* NaN or Infinity was there */
	uint64_t lines, bad;  /* passed; and passed over */
	const uint8_t *tail;  /* a last line without an end, NULL: there is none; */
	const uint8_t *left;  /* and that it was left out */
	uint32_t depth;
	bool object[RECORDS_DEPTH + 1]; /* what is open, from the outermost on */
};

/* Over the bytes of the span, from a boundary between records on. */
void jsonl_feed_init(struct jsonl_feed *f, const struct records_table *t, const struct records_span *s, struct error *err);

/* White space, except the end of a line. */
static inline const uint8_t *jsonl_pass_white(const struct jsonl_feed *f, const uint8_t *p)
{
	while (p < f->end && (*p == ' ' || *p == '\t' || *p == '\r' || (*p == '\n' && f->array)))
		p++;
	return p;
}

/* As records_feed_type's numbers(). */
void jsonl_feed_numbers(struct records_feed *feed, struct records_numbers *n);

/* A string, from the byte after its opening quote on. */
struct jsonl_string {
	const uint8_t *end; /* its closing quote */
	uint64_t len;       /* bytes of the text */
	bool escaped;       /* they are not as they stand */
};

/* NULL, or why it is none. */
const char *jsonl_string(const uint8_t *p, const uint8_t *end, struct jsonl_string *ret);

/* The first `len` bytes of the text of a string that was read; less only if the bytes have changed. */
size_t jsonl_unescape(const uint8_t *p, const uint8_t *end, uint8_t *ret, size_t len);

/* The end of the open container, `depth` levels of it, without parsing what is in between; NULL if it has none. */
const uint8_t *jsonl_pass(const uint8_t *p, const uint8_t *end, uint64_t depth);

uint64_t jsonl_lines(const uint8_t *p, const uint8_t *end); /* line feeds */

/* Reads numbers of a list from p on, as long as they have the usual forms and are within reach, and
 * notes or writes them as records_feed_type's numbers() must.  Returns the end of the last; p if there
 * is none. */
const uint8_t *jsonl_numbers(const uint8_t *p, const uint8_t *end, struct records_numbers *n);
