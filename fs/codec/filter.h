/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/codec/codec.h"

/*
 * The filters that HDF5 and its plugins apply to an array's chunks.  Unlike a codec, a filter
 * depends on parameters that the file keeps apart from the stream, or is a framing that
 * nothing else uses.  It needs nothing else of the file.  Thread-safe.
 *
 * To add one: a line here, a file with its function, a chunk in scripts/fixtures/filter.py,
 * which tests/fs/codec/test_filter.c reads, and a line in tests/fuzz/fuzz_filters.c.
 */

/* As they stand in the file: neither their number nor their values have been checked. */
struct filter_parameters {
	const uint32_t *values;
	uint32_t count;
};

/* Undoes a filter: decodes `in` into at most `room` bytes; *ret is their number.  -EBADMSG if
 * the stream is corrupt, or does not match the parameters; -ENOTSUP if they ask for what is
 * not supported; -ENOMEM.  The sentence does not name the filter.  After a failure, `out` and
 * *ret are undefined. */
typedef int filter_fn(struct filter_parameters p, struct slice in, uint8_t *out, size_t room, size_t *ret,
		      const struct codec_memory *memory, struct error *err);

filter_fn filter_bitshuffle;  /* bits of equal significance together, in blocks of LZ4 or zstd, or uncompressed */
filter_fn filter_fletcher32;  /* a checksum after the bytes */
filter_fn filter_lz4;         /* blocks of LZ4 */
filter_fn filter_nbit;        /* elements without their padding bits */
filter_fn filter_scaleoffset; /* elements minus a minimum, in as few bits as that takes */
filter_fn filter_shuffle;     /* bytes of equal significance together */
filter_fn filter_szip;        /* CCSDS 121.0-B */
