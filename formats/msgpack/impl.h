/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/msgpack.h"
#include "formats/shared/ndarray.h"
#include "formats/shared/records.h"

/*
 * An array that a document holds, in one of the ways that there are:
 *
 *	Flax          ext 1, ext 3 (a scalar): MessagePack in itself, [[2, 3], "float32", bytes]
 *	Flax, chunks  {"__msgpack_chunked_array__": true, "shape": {"0": 2, …}, "chunks": {"0": ext 1, …}}
 *	NumPy         {"nd": true, "type": "<f4", "kind": "", "shape": [2, 3], "data": bytes}
 *	a scalar      {"nd": false, "type": "<f4", "data": bytes}
 */
struct msgpack_array {
	struct numpy_type type;   /* allocated from the arena that it was read with */
	struct content bytes;     /* exactly those of the shape */
	const struct msgpack_chunks *chunks; /* or these; NULL */
	const char *fault;        /* why it cannot be shown; the above may then be zero */
	bool pickled;             /* which is not a fault of the file */
	double complex[2];        /* of a Python number that msgpack-numpy wrote */
	bool number;
};

/* Bytes in several parts of the file, which are joined. */
struct msgpack_chunks {
	struct lazy lazy;
	uint32_t count;
	struct msgpack_chunk {
		uint64_t begin; /* in the array */
		uint64_t at;    /* in the file */
	} all[];                /* one more than there are chunks, that begins where the array ends */
};

/* The objects as records. */
struct msgpack_feed {
	struct records_feed feed;
	struct msgpack_doc *d;
	struct msgpack_object last;
	uint32_t base, open;     /* containers around the records; and those that were reported and have not ended */
	bool flat;               /* lists are passed over, and what they hold is the records */
	bool arrays, others;     /* arrays are reported as RECORD_OTHER; and there were some */
	uint64_t objects;
	char key[64];            /* of a number, for example */
	struct msgpack_level {
		bool map, key;   /* a key comes next */
	} levels[RECORDS_DEPTH + 1];
};
/* What a reader of a document needs on the way. */
struct msgpack_doc {
	struct msgpack m;
	struct archive *a;       /* NULL while probing */
	struct arena *keep;      /* for what is shown */
	struct arena *scratch;
	struct error *err;
	const char *last_name;   /* of a dtype of Flax's, */
	struct numpy_type last_type; /* and what it is: mostly all arrays have one */
	uint64_t again;          /* objects that were walked through twice */
	struct msgpack_feed feed; /* of the list at hand */
	uint8_t window[MSGPACK_WINDOW];
};

/* Is the object, whose header was just read, an array, and which?  Then it has been passed over; else
 * the next object is what it was.  Negative: it failed. */
int msgpack_array_read(struct msgpack_doc *d, const struct msgpack_object *o, struct msgpack_array *ret);

/* The same of extensions, and of maps. */
int msgpack_flax_read(struct msgpack_doc *d, const struct msgpack_object *o, struct msgpack_array *ret);
int msgpack_flax_join(struct msgpack_doc *d, const struct msgpack_object *shape, const struct msgpack_object *chunks,
		      struct msgpack_array *ret);
int msgpack_numpy_read(struct msgpack_doc *d, const struct msgpack_object *type, const struct msgpack_object *shape,
		       const struct msgpack_object *data, struct msgpack_array *ret);

/* Adds it; *ret is its node. */
int msgpack_array_show(struct msgpack_doc *d, uint32_t parent, struct slice name, const struct msgpack_array *array, uint32_t *ret);

/* Adds a value that is neither a list nor a map. */
int msgpack_value_show(struct msgpack_doc *d, uint32_t parent, struct slice name, const struct msgpack_object *o, uint32_t *ret);

/* A NUL-terminated copy of a string or binary of at most `most` bytes; data is NULL if it is
 * longer or anything else, or nothing is left. */
struct slice msgpack_word(struct msgpack_doc *d, const struct msgpack_object *o, size_t most);

/* An array's extents: a list of numbers, or a map of them by "0", "1" …  False if it is anything else. */
bool msgpack_shape_read(struct msgpack_doc *d, const struct msgpack_object *o, struct array *ret);

/* Adds a list, whose header was just read, as arrays or columns, and passes over it; 0 if it is to
 * be a directory of its elements: then the next object is the first of these. */
int msgpack_list_show(struct msgpack_doc *d, uint32_t parent, struct slice name, const struct msgpack_object *o, uint32_t *ret);

/* Those that the reader of the document comes to next; and those of a table. */
void msgpack_feed_init(struct msgpack_feed *f, struct msgpack_doc *d, struct error *err);
struct records_feed *msgpack_feed_open(struct archive *a, const struct records_table *t, uint64_t at, struct arena *scratch, struct error *err);

/* Records, one after another or in a list, as a table at the root.  msgpack_table_list(): 0 if it is to be shown
 * as any other list. */
int msgpack_table_stream(struct archive *a, const struct records_bytes *bytes, struct error *err);
int msgpack_table_list(struct msgpack_doc *d, const struct msgpack_object *list);

/* Flax's complex numbers: an extension of [re, im]. */
bool msgpack_complex(struct msgpack_doc *d, const struct msgpack_object *o, double ret[2]);

bool msgpack_probe(const struct peek *p);
