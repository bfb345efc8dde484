/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/cursor.h"

/*
 * What surrounds a deflate stream: header and trailer of zlib (RFC 1950) or gzip (RFC 1952),
 * and the checksum in between.  It takes one byte after another, so its input may be cut
 * anywhere, and is plain data, which can be copied.  As strict as zlib.
 */
enum wrapper_kind { WRAPPER_NONE, WRAPPER_ZLIB, WRAPPER_GZIP };

struct wrapper {
	enum wrapper_kind kind;
	unsigned part;     /* of gzip's header */
	uint32_t at;       /* bytes of this part, or of the trailer, that have come */
	uint32_t extra;    /* length of the extra field */
	uint8_t flags;
	uint8_t bytes[10]; /* the part's, as far as they are needed */
	uint32_t head_crc; /* of the header */
	uint32_t check;    /* Adler-32 or CRC-32 of the data */
	uint32_t size;     /* of the data, modulo 2^32 */
	const char *why;   /* what is wrong */
};

void wrapper_begin(struct wrapper *w, enum wrapper_kind kind);

/* Take a byte of the header, or of the trailer: 1 if that was its last, otherwise 0;
 * -EBADMSG, and `why` says the reason. */
int wrapper_head(struct wrapper *w, uint8_t byte);
int wrapper_tail(struct wrapper *w, uint8_t byte);

/* Counts decoded bytes. */
void wrapper_body(struct wrapper *w, struct slice made);
