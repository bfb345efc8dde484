/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/json_index.h"
#include "fs/archive/archive.h"

/* Bytes of the text that are indexed at once. */
enum { JSON_INDEXED = 4096 };

/*
 * A strict JSON reader (RFC 8259) that makes no tree of values: the caller asks
 * for what comes next and gets it, or the reader fails, and then every later
 * call answers nothing.  One json_end() at the end tells, with the byte and the
 * fault.  Names that an object repeats are not found here: see json_member().
 *
 *     json_object(&j);
 *     while (json_member(&j, &name))
 *             if (slice_equal(name, SLICE("shape"))) … else json_skip(&j);
 */
struct json {
	struct cursor c;
	size_t passed;        /* bytes of the text before those that the cursor is over */
	struct arena *arena;  /* for strings that hold escapes */
	unsigned depth;
	bool fresh;           /* an object or array was just opened */
	int failed;           /* -errno */
	size_t fault_at;
	const char *fault;    /* static text */
	const uint8_t *indexed, *indexed_end; /* of these bytes it is known where strings may end */
	uint64_t stops[JSON_INDEXED / JSON_INDEX_BLOCK];
};

/* As deep as serde_json goes. */
enum { JSON_DEPTH = 127 };

enum json_kind { JSON_NONE, JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* The text must be UTF-8 (the caller checks) and outlive what is read from it:
 * strings without escapes are slices of it. */
struct json json_over(struct slice text, struct arena *arena);

/* What comes next, by its first byte; JSON_NONE once failed. */
enum json_kind json_peek(struct json *j);

bool json_object(struct json *j);                    /* enters */
bool json_member(struct json *j, struct slice *ret); /* the next name, or false at the end, which it leaves */
bool json_array(struct json *j);
bool json_element(struct json *j); /* is there one more?  At the end, leaves */

struct slice json_string(struct json *j);
uint64_t json_u64(struct json *j); /* digits alone: no sign, fraction or exponent */
void json_null(struct json *j);

/* Steps over a value of any kind, and gives its text. */
struct slice json_skip(struct json *j);

/* A fault that the caller found, at the place last read. */
void json_fail(struct json *j, const char *fault);

/* 0 if all was read and only white space follows; else -EBADMSG (or -ENOMEM)
 * and "FAULT at byte N of WHAT". */
int json_end(struct json *j, struct error *err, const char *what);
