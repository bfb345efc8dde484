/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/content.h"

/*
 * A pickle, read without running anything: the machine of Python's pickle module, protocols
 * 0 to 5 and Python 2's, in which a global is a name and a call is a record of what would
 * have been called.  Nothing is imported, looked up or called.
 *
 *	struct pickle p = {.archive = a, .in = &content, .keep = &a->arena, .scratch = &scratch};
 *	pickle_read(&p, 0, err)            one pickle, from byte 0 to its STOP: p.end
 *	pickle_node(&p, p.root)            what it made
 *
 * Every value is a node, known by a number, which is never 0.  Nodes are small, and hold no
 * payload: text and bytes are where they lie in the content, and are read when asked for.
 * Values may be shared, and may contain themselves.
 *
 * After pickle_read() any thread may call what is declared below it.
 *
 * https://github.com/python/cpython/blob/main/Lib/pickletools.py
 */
enum pickle_kind {
	PICKLE_NONE,
	PICKLE_BOOL,       /* number: 0 or 1 */
	PICKLE_INT,        /* number */
	PICKLE_LONG,       /* an integer of more than 64 bits: pickle_decimal() */
	PICKLE_FLOAT,      /* real */
	PICKLE_TEXT,       /* str: pickle_text() */
	PICKLE_STR,        /* Python 2's str, bytes or text: pickle_text() */
	PICKLE_BYTES,      /* pickle_bytes() */
	PICKLE_BYTEARRAY,  /* likewise */
	PICKLE_TUPLE,      /* pickle_items() */
	PICKLE_LIST,
	PICKLE_SET,
	PICKLE_FROZENSET,
	PICKLE_DICT,       /* pickle_items(): keys and values in turn, as they were set; a key may come again */
	PICKLE_GLOBAL,     /* pair: module and name, which are TEXT or STR */
	PICKLE_CALL,       /* call */
	PICKLE_PERSISTENT, /* pair[0]: the persistent id, a TEXT or any value */
	PICKLE_BUFFER,     /* out of band: not in the file */
};

struct pickle_node {
	uint8_t kind;    /* enum pickle_kind */
	uint8_t marks;   /* free for the caller */
	uint16_t known;  /* GLOBAL, and CALL of one: what p->known() said; else free for the caller */
	uint32_t count;  /* of items, of which a DICT has two for each of its entries; CALL: free for the caller */
	union {
		int64_t number;
		double real;
		uint32_t pair[2];
		uint32_t *items;           /* of a TUPLE of more than two: private */
		struct pickle_call *call;
		struct pickle_block *last; /* of the items of the others: private */
		uint64_t payload;          /* where the bytes are: private */
	};
};

/* What would have been called: by REDUCE with `made` false; by NEWOBJ, NEWOBJ_EX, INST and
 * OBJ, which make an object of a class, with `made` true.  And what was then done to the
 * result.  0: nothing. */
struct pickle_call {
	uint32_t callable;
	uint32_t args;    /* a TUPLE */
	uint32_t kwargs;  /* a DICT */
	uint32_t state;   /* of the last BUILD */
	uint32_t items;   /* a LIST: what was appended, or added as to a set */
	uint32_t entries; /* a DICT: what was set by keys */
	bool made;
};

enum {
	PICKLE_VALUES_MAX = 16000000,
	PICKLE_HEAD = 64, /* bytes that pickle_probe() wants, if there are as many */
	PICKLE_CHUNK_BITS = 8,
	PICKLE_CHUNK = 1 << PICKLE_CHUNK_BITS,
	PICKLE_WORD_MAX = 31,    /* bytes of a word that is kept */
	PICKLE_WORDS_MAX = 4096, /* and how many are */
};

struct pickle {
	/* Set by the caller; the rest to zero. */
	struct archive *archive;
	const struct content *in; /* must live as long as the pickle is used */
	struct arena *keep;       /* nodes */
	struct arena *scratch;    /* the stack and the memo */

	/* Optional: a number for the names that the caller knows; 0 for the others. */
	uint16_t (*known)(struct slice module, struct slice name);

	/* Optional: called after each BUILD with the object and *at, the offset in `in` of the next opcode,
	 * which it may move on: joblib's arrays are there.  It may read another pickle from there, with
	 * pickle_read(), whose values are added to these; p->scratch and p->built may be changed for that.
	 * -errno and a sentence refuse the pickle. */
	int (*built)(struct pickle *p, uint32_t object, uint64_t *at, struct error *err);
	void *arg; /* the caller's */
	bool persistent; /* persistent ids are expected: otherwise one is an error */

	/* Results. */
	uint32_t root;
	uint64_t end; /* offset in `in` after STOP */

	/* Private. */
	struct pickle_node **chunks; /* of PICKLE_CHUNK each */
	uint32_t count, room;        /* nodes 1 to count are made; there is room for so many, node 0 included */

	/* The content from `offset` to its end, if that is small, for pickle_text(); or NULL.  Taken over from
	 * another pickle of the same content and arena, it need not be read and kept again. */
	struct pickle_resident {
		const uint8_t *bytes;
		uint64_t offset, len;
	} resident;

	/* Of larger contents, the first short texts, sorted by offset: words that are asked for again and again, such as
	 * those that joblib repeats for each array. */
	struct pickle_word {
		uint64_t offset;
		uint8_t len, bytes[PICKLE_WORD_MAX];
	} *words;
	uint32_t nwords;
};

/* Do the bytes begin as a pickle does?  Protocols 2 to 5 begin with PROTO; of 0 and 1 those
 * that begin with a global, a dictionary or a list.  Most files that pass are not pickles. */
bool pickle_probe(struct slice head);

/* Reads the pickle that begins at the byte.  -EBADMSG and a sentence that begins with
 * "pickle: " for one that breaks its rules: "pickle: opcode 0xff at byte 812"; -ENOTSUP for
 * an extension code; -ENOMEM for too many values. */
int pickle_read(struct pickle *p, uint64_t offset, struct error *err);

/* Nodes are numbered from 1 to p->count, children mostly before their containers. */
static inline struct pickle_node *pickle_node(const struct pickle *p, uint32_t number)
{
	return &p->chunks[number >> PICKLE_CHUNK_BITS][number & (PICKLE_CHUNK - 1)];
}

/* The items of a container, in order:
 *
 *	struct pickle_walk w = pickle_items(pickle_node(&p, number));
 *	while (pickle_next(&w, &item)) …
 */
struct pickle_walk {
	uint32_t *at, *end; /* what is left of the block */
	struct pickle_block *block, *last;
};
struct pickle_walk pickle_items(const struct pickle_node *n);
bool pickle_next_block(struct pickle_walk *w); /* private */

/* The place of the next one, so that it can be changed before others read it; NULL at the end. */
static inline uint32_t *pickle_next_place(struct pickle_walk *w)
{
	return w->at < w->end || pickle_next_block(w) ? w->at++ : NULL;
}

static inline bool pickle_next(struct pickle_walk *w, uint32_t *ret)
{
	const uint32_t *place = pickle_next_place(w);
	if (place)
		*ret = *place;
	return place != NULL;
}

/* The i-th item of a TUPLE (at once) or LIST (by walking), which must have it. */
static inline uint32_t *pickle_tuple(const struct pickle_node *n)
{
	return n->count > 2 ? n->items : (uint32_t *)(uintptr_t)n->pair;
}
uint32_t pickle_list_item(const struct pickle_node *n, uint32_t i);
static inline uint32_t pickle_item(const struct pickle_node *n, uint32_t i)
{
	return n->kind == PICKLE_TUPLE ? pickle_tuple(n)[i] : pickle_list_item(n, i);
}

/* How many bytes a TEXT, STR, BYTES or BYTEARRAY has: a TEXT in UTF-8. */
uint64_t pickle_size(const struct pickle_node *n);

/* The bytes of a TEXT, STR, BYTES or BYTEARRAY of at most `most` bytes; of another, -ENOTSUP.
 * They lie in the pickle, or in the arena.  TEXT is UTF-8, in which surrogates may be lone; it
 * is not checked for what Python would refuse to decode. */
int pickle_text(const struct pickle *p, const struct pickle_node *n, struct arena *arena, uint64_t most, struct slice *ret,
		struct error *err);

/* The bytes of a BYTES, BYTEARRAY, STR or TEXT as part of p->in; false if they do not lie there as
 * they are, as in protocol 0. */
bool pickle_bytes(const struct pickle *p, const struct pickle_node *n, struct content *ret);

/* Appends the digits of an INT or LONG.  -ENOTSUP for one of more than 64 KiB of them. */
int pickle_decimal(const struct pickle *p, const struct pickle_node *n, struct text *ret, struct error *err);
