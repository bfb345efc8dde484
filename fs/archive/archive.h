/* SPDX-License-Identifier: MIT */
#pragma once
#include <pthread.h>
#include <stddef.h>

#include "fs/archive/members.h"
#include "fs/archive/tree.h"
#include "fs/base/text.h"
#include "fs/blocks/blocks.h"
#include "fs/source/access.h"
#include "fs/source/answer.h"
#include "fs/source/source.h"

struct archive;
struct archive_options;
struct check;
struct grafts;

/* What a format is identified by: the head of a file, and a few more bytes by peek_at(),
 * sparingly: each may cost a disk seek. */
enum { HEAD_SIZE = 4096 };
struct peek {
	struct cursor head; /* the first HEAD_SIZE bytes, or the whole file */
	uint64_t size;
	const struct source *source;
	bool alone; /* it is what the user named, not one file of many in a folder: a probe may look farther */
	int failed; /* the first transient error (error_passes()) in a probe: then the format is not known */
	uint8_t bytes[HEAD_SIZE];
};
int peek(struct peek *ret, const struct source *s, struct error *err);
bool peek_at(const struct peek *p, uint64_t offset, void *ret, size_t len); /* false if they cannot be read */
void peek_failed(const struct peek *p, int r); /* for probes that read by other means: records such an error */

/* Called for each attribute, which is valid only during the call; nonzero ends the walk. */
typedef int attrs_each(void *arg, const struct attr *attr);

/* For a format whose arrays hold references to nodes that it shows.  Called concurrently. */
enum referred { REFERRED_UNKNOWN, REFERRED_NULL, REFERRED_KNOWN };
struct references {
	/* Appends the path of the node that an element of such an array refers to. */
	enum referred (*refer)(struct archive *a, const struct node *n, const uint8_t *element, struct text *ret);

	/* The maximum length of a path as written by text_word(), in bytes. */
	size_t (*width)(struct archive *a, const struct node *n);
};

/* What people want to know about an archive first, and no attribute of its root states: for `info`. */
struct overview {
	const char *versioned; /* what `version` is called: "version", "superblock version"; NULL: there is none */
	char version[16];
	struct text writer;    /* the program that wrote it, as it names itself; the caller frees it */
	const char *parts;     /* what the rows of a table are in: "row_groups"; or NULL */
	uint64_t rows, count;  /* of a table; and of those parts */
};

/*
 * A format.  name, open and one of the probes are required; the other members only for the
 * features they implement.  Formats are probed in registry order.
 */
struct format {
	const char *name;            /* as in user.arrayfs.format */
	const char *const *suffixes; /* file name suffixes that claim this format; NULL-terminated */
	const char *const *slices;   /* suffixes of files that are only slices of its archives: never archives themselves */
	bool text;                   /* its files may look like text: even so, one that its suffix claims and that cannot be
				      * read is a fault.  In a zip they are not archives */
	bool table;                  /* its root is a table of columns, although no array describes it */
	bool joined;                 /* all that it shows is made from all the files it brings in */

	/* Is the file of this format?  Depends on its contents alone.  Runs on every plain file,
	 * so it should read little beyond the head. */
	bool (*probe)(const struct peek *p);

	/* For a format of records without an index, which are shown as a table only on request
	 * (archive_options.records), or if the file itself is the source: is the file of this format, by its
	 * contents, its name or the options?  Asked in registry order, for files that no probe() recognises.  If
	 * such a file cannot be opened, it stays a file in a mirrored directory: -EBADMSG and a sentence is its
	 * error there, -ENOTSUP without a sentence gives it none. */
	bool (*claims)(const struct peek *p, const char *name, const struct archive_options *options);

	/* For a format whose archives are folders: a->members, no source.  Tried only if the user
	 * asks for a folder as one archive.  Is it of this format, by names and sizes alone?
	 * The first format to say so gets it; if none does, the first in the registry, which
	 * reports what is missing. */
	bool (*probe_members)(const struct members *m);

	/* A lazy file is mostly decoded by one thread at a time, so several of them are best
	 * read at once. */
	bool serial;

	/* Finding a size takes decoding; reading from beginning to end does not need the size. */
	bool finds_end;

	/* Reads the metadata and fills a->tree, where a filling of the root is open.  On
	 * failure it just returns: its memory is in a->arena or freed by close(). */
	int (*open)(struct archive *a, struct error *err);

	/* Fills a directory added with tree_open_dir(), on first access; its filling is open in
	 * a->tree.  Serialised per archive. */
	int (*list)(struct archive *a, uint32_t dir, struct error *err);

	/* The size of a node that was added with SIZE_UNKNOWN; called until it succeeds.
	 * Called concurrently: what it decodes should go into blocks, so that it is
	 * decoded only once. */
	int (*size)(struct archive *a, const struct node *n, uint64_t *ret, struct error *err);

	/* Optional: the first extent of a node's array, if that is not known (`sized`) and does
	 * not follow from bytes of the node's own: a directory's, for example.  Without this, it
	 * follows from the sizes of the files in it.  Unless `decode`, fails where that would
	 * take reading data.  Called concurrently. */
	int (*extent)(struct archive *a, const struct node *n, bool decode, uint64_t *ret, struct error *err);

	/* Answers exactly [offset, offset + len) of a lazy node, which is within its size; or, if
	 * it `finds_end` and nobody has asked for the size yet, what of that is there.
	 * Called concurrently. */
	int (*read)(struct archive *a, const struct node *n, uint64_t offset, uint64_t len,
		    struct answer *ret, struct error *err);

	/* Optional: the sources that the bytes of a lazy node come from; none: the archive's own
	 * file only.  Any thread. */
	const uint32_t *(*sources)(const struct archive *a, const struct node *n, uint32_t *ret_count);

	/* Optional: attributes that are not in the tree but read on demand, always in the
	 * same order.  Returns what `each` returned, or an error of its own.  Called
	 * concurrently. */
	int (*attrs)(struct archive *a, uint32_t index, const struct node *n, attrs_each *each, void *arg,
		     struct error *err);

	/* Optional: further facts about a node (chunks, row groups, statistics), as members
	 * of a JSON object, each preceded by a comma: `,"name":value`.  Reads metadata only.
	 * Called concurrently. */
	int (*details)(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err);

	/* Optional: adds what it knows of the archive.  Reads metadata only; what it cannot read, it
	 * leaves out.  Any thread. */
	void (*overview)(struct archive *a, struct overview *ret);

	const struct references *references; /* optional */

	/* Optional: the identity of a directory that several paths may lead to; 0 if only one
	 * path can.  Any thread. */
	uint64_t (*same)(const struct archive *a, uint32_t index);

	/* Optional: a number that identifies the published node for ever: it depends only on
	 * what the archive contains, and not, like the index, on the order in which directories
	 * were filled.  All names of one file share one, and every path to a directory has its
	 * own.  It is an unkeyed 64-bit hash: a collision is unlikely, but can be contrived.  0
	 * if the index itself is such a number.  Any thread. */
	uint64_t (*identity)(const struct archive *a, uint32_t index, const struct node *n);

	/* Optional, for archives whose arrays an index may show, too, and for such indexes: a
	 * RANGE node's number among all those of its source, below 2^24, the same wherever it is
	 * shown.  Any thread. */
	uint32_t (*ordinal)(const struct archive *a, uint32_t index, const struct node *n);

	/* Optional, for an index: the suffixes of such files; NULL-terminated. */
	const char *const *indexes;

	/* Optional: the bytes for which the archive has checksums of its own (fs/archive/check.h),
	 * allocated from `keep`.  Lazy files must be made of these bytes alone, and be readable if
	 * all of them match their checksums: then checking the bytes checks the files. */
	int (*checks)(struct archive *a, struct arena *keep, struct check **ret, uint32_t *ret_count, struct error *err);

	/* Optional: is it a lazy file for which that does not hold, so that it must be decoded to be checked? */
	bool (*unchecked)(const struct archive *a, uint32_t index);

	/* Frees what is not in the arena. */
	void (*close)(struct archive *a);
};

/* How records without an index are read: -o records and what belongs to it. */
struct archive_records {
	bool on;              /* those in mirrored directories are tables, too */
	const char *kind;     /* "jsonl", "csv" …, where neither content nor name shows it; or NULL */
	bool skip_bad;        /* -o bad-records=skip */
	char delimiter;       /* of CSV; 0: by the name */
	bool no_quote, no_header;
	const char *null;     /* a word that is null, unquoted; or NULL */
	struct slice schema;  /* of protobuf: a FileDescriptorSet; data NULL: none */
	const char *message;  /* its full name; or NULL */
	enum archive_framing { FRAMING_FOUND, FRAMING_DELIMITED, FRAMING_MESSAGE } framing;
	void (*progress)(void *arg, uint64_t done, uint64_t total); /* called now and then by one thread; or NULL */
	void *arg;
};

struct archive_options {
	struct archive_records records;
	size_t memory;         /* bytes that one archive's metadata may take */
	char split;            /* one more separator in names, or 0 */
	bool no_verify;        /* checksums in the file are not checked */
	bool as_files;         /* a folder's files are shown as they are, even if they belong to a table */
	struct blocks *blocks; /* the cache of decoded blocks; NULL where nothing decodes */
	struct inheritance *inheritance; /* of files that grow: fs/archive/inherit.h; or NULL */
	struct descriptors *descriptors; /* the descriptors its files may keep open; NULL: no limit */
};

struct archive {
	const struct format *format;
	const struct archive_options *options; /* must outlive the archive */
	struct source source;
	struct members members; /* of the folder where it lies, or that it is; none in memory */
	char *path;           /* kept for members.folder.path */
	bool mirrored;        /* its siblings are shown next to it, one level up */
	bool outside;         /* it lies elsewhere: a link that is followed leads to it */
	const char *told;     /* a message for the log, once; or NULL */
	const struct format *const *parts; /* the formats of its members: parts.h */
	struct archive *within;  /* it lies within this one; or NULL */
	struct grafts *grafts;   /* those that lie within it: graft.h; or NULL */
	struct stat own;      /* its own file, or folder, at the last look */
	struct access access; /* and who may read it; likewise */
	uint32_t nbrought;        /* members that were brought in */
	struct access common;     /* who may read all of these */
	struct access_from *from; /* while a folder's files are brought in: where they are looked for */
	pthread_mutex_t access_lock; /* of own, access, nbrought, common, and the members' access */
	struct arena arena;
	_Atomic size_t counted;   /* bytes of it reported to the block cache */
	struct block_client blocks;   /* the cache's state for this archive */
	struct tree tree;
	_Atomic unsigned resized; /* how often archive_resize() was called */
	pthread_mutex_t lock; /* for fillings, and for what a format adds to the arena later */
	uint32_t *filled;     /* nodes of the directories filled on first access, in that order */
	uint32_t nfilled;     /* node numbers depend on that order */
	void *priv;           /* the format's own */
};

/* For decode functions: the archive whose block is being decoded. */
static inline struct archive *archive_decoded(const struct block_source *from)
{
	return (struct archive *)(void *)((char *)from->client - offsetof(struct archive, blocks));
}

/* The location of an archive: a path below a folder, and how the path may be followed.
 * Its last component is what the suffixes are matched against. */
struct archive_at {
	const struct folder *folder;
	const char *path;
	enum reach reach;
	bool mirrored; /* it will be shown next to its siblings, in a mirrored directory */
	bool outside;  /* the path is a link that is followed out of the folder */
	size_t soft;   /* if not 0: -E2BIG if opening takes more than so many bytes */
};

/*
 * Opens the archive.  Refusals:
 *   -ENOTSUP with err->text "" empty: no format recognises it, nor claims its name
 *   otherwise a sentence: it is, or is called, an archive and cannot be shown.
 */
int archive_open(struct archive *ret, const struct format *const *formats,
		 const struct archive_at *at, const struct archive_options *options, struct error *err);

/* The same for an open source, which it takes over even on failure.  `name` is what the
 * suffixes are matched against. */
int archive_open_source(struct archive *ret, const struct format *const *formats, struct source source,
			const char *name, const struct archive_options *options, struct error *err);

/* The same for an archive that lies within another, where its siblings are shown next to it:
 * `source` is a window of one of the outer archive's sources.  It has that archive's options,
 * brings in no files, and its memory is counted there.  -E2BIG if it takes more than `most`
 * bytes. */
int archive_open_within(struct archive *ret, struct archive *within, const struct format *const *formats, struct source source,
			const char *name, size_t most, struct error *err);

/* A folder, given by an open descriptor, as one archive, by probe_members().  The caller
 * keeps the descriptor open. */
int archive_open_folder(struct archive *ret, const struct format *const *formats, int dir, bool confined,
			const struct archive_options *options, struct error *err);

void archive_close(struct archive *a);

/* For formats.  Opens another file below the archive's own folder, unless it is open already.
 * It stays open as long as the archive, without a descriptor, since there may be thousands.
 * *ret is its number for tree_range(). */
int archive_sibling(struct archive *a, struct slice path, enum reach reach, uint32_t *ret, struct error *err);

/* Records that bytes of the member are shown, and who may read it.  `st` is of the open
 * file.  archive_sibling() calls this. */
void archive_bring(struct archive *a, struct member *one, const struct stat *st);
/* Calls open(), which brings in many files of one folder, and looks up their location once. */
int archive_bring_all(struct archive *a, int (*open)(struct archive *a, struct error *err), struct error *err);

/* Its own file is number 0; the others are its neighbours. */
struct source *archive_source(struct archive *a, uint32_t number);
static inline uint32_t archive_sources(const struct archive *a)
{
	return 1 + atomic_load(&a->members.neighbours);
}

/* The total size of the files that it is made of. */
uint64_t archive_bytes(struct archive *a);

/* For formats, from any thread: a reported size turned out to be wrong.  Invalidates the
 * sizes of all lazy nodes; reads in progress are repeated. */
void archive_resize(struct archive *a);

/* A reader has gone: cancels what was to be prefetched, of archives within it, too. */
void archive_cancel_prefetch(struct archive *a);

/* Is a block of it, or of one within it, being decoded, so that closing it would wait? */
bool archive_making(struct archive *a);

/* Are these bytes of an answer mapped from one of the archive's sources?  Then they may only
 * be copied, by answer_copy(), not accessed directly. */
bool archive_maps(struct archive *a, const void *bytes, size_t len);

/* Stats its files again, since their modes and owners, and those of the folders leading to
 * them, may change; returns whether anything did.  Not concurrently. */
bool archive_restat(struct archive *a);

/* Owner, mode (what may be read, no type), times and device of a node. */
void archive_stat(struct archive *a, const struct node *n, struct stat *ret);

/* The same of one of its files, archive_source(number), with its own size. */
void archive_stat_file(struct archive *a, uint32_t number, struct stat *ret);

/* May everyone who may read the archive read that source, too?  Any thread. */
bool archive_opens_to_all(struct archive *a, uint32_t source);

/* A hash of all that archive_restat() examines: changes when that does. */
uint64_t archive_access_sum(struct archive *a);

/* Lookup, for all callers.  The node is one of the archive's; err may be NULL. */
int archive_fill(struct archive *a, uint32_t dir, struct error *err); /* before any lookup in a directory */
/* The same; -E2BIG, with no effect, if it takes more than `most` bytes (0: no limit). */
int archive_fill_within(struct archive *a, uint32_t dir, size_t most, struct error *err);
int archive_size(struct archive *a, struct node *n, uint64_t *ret, struct error *err);

/* Does it cost less to read the node to its end than to ask for its size first? */
bool archive_finds_end(const struct archive *a, const struct node *n);

/* Answers [offset, offset + len) cut at the node's end; *ret holds how much.
 * -EIO and the like answer nothing. */
int archive_read(struct archive *a, struct node *n, uint64_t offset, uint64_t len,
		 struct answer *ret, struct error *err);

/* For functions that read like archive_read(): calls `read` again if a size turned out to be wrong
 * meanwhile (archive_resize()), and answers nothing if it fails. */
typedef int archive_reading(struct archive *a, struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);
int archive_read_settled(archive_reading *read, struct archive *a, struct node *n, uint64_t offset, uint64_t len,
			 struct answer *ret, struct error *err);

/* The format that recognises the content; otherwise the one that claims the name, unless the
 * file is empty or a text, such as a pointer that version control leaves in a file's place.
 * NULL: none. */
const struct format *archive_detect(const struct format *const *formats, const struct peek *p, const char *name,
				    const struct archive_options *options, bool mirrored);

/* Does the name end in a suffix of some format? */
bool archive_wished(const struct format *const *formats, const char *name);

/* Is it, by its name, only a slice of archives?  The format of these, or NULL. */
const struct format *archive_sliced(const struct format *const *formats, const char *name);

/* Do the first HEAD_SIZE bytes look like text?  Then it is no archive, whatever its name. */
bool archive_is_text(struct slice head);
