/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/arena.h"
#include "fs/base/cursor.h"
#include "fs/values/json_index.h"

/* Bytes of text indexed at a time. */
enum { JSON_INDEXED = 4096 };

/*
 * A strict JSON reader (RFC 8259) that builds no tree of values: the caller asks for
 * what comes next, and gets it or makes the reader fail; every later call then returns
 * nothing.  A single json_end() at the end reports the fault and its byte.  Repeated
 * names in an object are not detected here.
 *
 *     json_object(&j);
 *     while (json_member(&j, &name))
 *             if (slice_equal(name, SLICE("shape"))) … else json_skip(&j);
 */
struct json {
	struct cursor c;
	size_t passed;        /* bytes of the text before the cursor's */
	struct arena *arena;  /* for strings with escapes */
	unsigned depth;
	bool fresh;           /* an object or array was just opened */
	int failed;           /* -errno */
	size_t fault_at;
	const char *fault;    /* static text */
	const uint8_t *indexed, *indexed_end; /* the bytes covered by the index */
	uint64_t stops[JSON_INDEXED / JSON_INDEX_BLOCK];
};

/* The depth that serde_json allows. */
enum { JSON_DEPTH = 127 };

enum json_kind { JSON_NONE, JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* The text must be UTF-8 (the caller checks that) and outlive what is read from it:
 * strings without escapes are slices of it. */
struct json json_over(struct slice text, struct arena *arena);

/* The kind of the next value, by its first byte; JSON_NONE once failed. */
enum json_kind json_peek(struct json *j);

bool json_object(struct json *j);                    /* enters */
bool json_member(struct json *j, struct slice *ret); /* the next name; at the end, leaves: false */
bool json_array(struct json *j);
bool json_element(struct json *j); /* is there another element? If not, leaves: false */

struct slice json_string(struct json *j);
uint64_t json_u64(struct json *j); /* digits only: no sign, fraction or exponent */
void json_null(struct json *j);

/* Steps over the digits of a whole number as json_u64() would read it; false, and nothing was
 * moved, if there is none.  What follows them is the caller's to check. */
bool json_digits(struct cursor *c, uint64_t *ret);

/* Skips a value of any kind, and returns its text. */
struct slice json_skip(struct json *j);

/* Reports a fault found by the caller, at the position last read. */
void json_fail(struct json *j, const char *fault);

/* Returns 0 if everything was read and only white space follows; else -EBADMSG (or
 * -ENOMEM) with "FAULT at byte N of WHAT". */
int json_end(struct json *j, struct error *err, const char *what);
