/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/source/source.h"

/*
 * MessagePack, object by object: each call reads one header, and passes over the bytes of a
 * string, a binary or an extension without looking at them, so that a file of gigabytes is
 * walked as fast as it has objects.
 *
 *	msgpack_next(m, &o)    {"a": [1, 2]}    map of 1, str "a", array of 2, int 1, int 2
 *
 * Containers are kept on the reader's own stack: none is deeper than MSGPACK_DEPTH, and none has
 * more entries than there are bytes left.  The first failure sticks.
 *
 * https://github.com/msgpack/msgpack/blob/master/spec.md, "Formats".
 */
enum { MSGPACK_DEPTH = 512, MSGPACK_WINDOW = 64 << 10, MSGPACK_TIMESTAMP = -1 };

enum msgpack_kind {
	MSGPACK_NIL,
	MSGPACK_BOOL,
	MSGPACK_INT,
	MSGPACK_FLOAT32,
	MSGPACK_FLOAT64,
	MSGPACK_STR,
	MSGPACK_BIN,
	MSGPACK_EXT,
	MSGPACK_ARRAY,
	MSGPACK_MAP,
};

struct msgpack_object {
	uint8_t kind;    /* enum msgpack_kind */
	int8_t code;     /* of an extension */
	bool negative;   /* of an int: `number` is that of an int64 */
	uint32_t depth;  /* containers that it is in */
	uint64_t at;     /* its first byte, counted in the source */
	uint64_t body;   /* what follows its header: the bytes of a string, or the first entry */
	uint64_t len;    /* bytes of a string, binary or extension; entries of an array or map */
	uint64_t number; /* a bool's, an int's; the bits of a float */
};

struct msgpack {
	const struct source *source;
	uint64_t at, end;      /* the next object; where the last has to end */
	uint32_t depth;        /* containers that the next object is in, */
	uint32_t base;         /* and that the first is in */
	int failed;            /* a negative errno, with a sentence in *err */
	struct error *err;
	uint8_t *window;       /* MSGPACK_WINDOW bytes of the caller's */
	uint64_t window_at;
	size_t have;
	uint32_t ask;
	bool memory;           /* the window is all there is */
	uint64_t left[MSGPACK_DEPTH]; /* objects that are still to come in each container */
};

/* A reader of the objects in [at, end) of the source.  Everything borrowed must live as long. */
void msgpack_init(struct msgpack *m, const struct source *source, uint64_t at, uint64_t end, uint8_t *window, struct error *err);

/* The same for objects in memory, which begins at `at`; offsets count as if it were a source's. */
void msgpack_init_memory(struct msgpack *m, struct slice bytes, uint64_t at, struct error *err);

/* The next header.  False at the end of all objects, and once something failed. */
bool msgpack_next(struct msgpack *m, struct msgpack_object *ret);

/* Is that what comes next? */
bool msgpack_is_float32(const struct msgpack *m);

/* Passes over the floats of one width that come next in the current array, as far as they are
 * in the window: at most `most`; 0 if there are none.  *ret is where they lie, each after its
 * header, which is *first for all. */
size_t msgpack_floats(struct msgpack *m, uint64_t most, const uint8_t **ret, uint8_t *first);

/* Passes over the rest of an object: of a container, all that is in it. */
bool msgpack_skip(struct msgpack *m, const struct msgpack_object *o);

/* Goes back to a container's first entry, unless what follows it was looked at. */
void msgpack_rewind(struct msgpack *m, const struct msgpack_object *container);

/* Copies bytes that msgpack_next() passed over; they are within the file. */
bool msgpack_read(struct msgpack *m, uint64_t at, void *ret, size_t len);

/* Fails, unless it has already, with a sentence of the caller's; returns false. */
bool msgpack_fail(struct msgpack *m, const char *format, ...) __attribute__((format(printf, 2, 3), cold));

/* Goes elsewhere, to objects in [at, end) outside the walk (such as an extension's), and back. */
struct msgpack_place {
	uint64_t at, end;
	uint32_t depth, base;
};
struct msgpack_place msgpack_enter(struct msgpack *m, uint64_t at, uint64_t end);
void msgpack_leave(struct msgpack *m, const struct msgpack_place *place);

/* Is the object a timestamp, and which?  Nanoseconds are below a second. */
bool msgpack_timestamp(struct msgpack *m, const struct msgpack_object *o, int64_t *seconds, uint32_t *nanoseconds);

/* The same in nanoseconds since 1970; false, too, if it is beyond these. */
bool msgpack_nanoseconds(struct msgpack *m, const struct msgpack_object *o, int64_t *ret);

/* The value of a number of any kind, as Python converts it to a float; false if it is not a number. */
bool msgpack_number(const struct msgpack_object *o, double *ret);
