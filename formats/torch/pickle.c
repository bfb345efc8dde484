/* SPDX-License-Identifier: MIT */
/*
 * Pickles of Python, protocols 0 to 5: a program for a small machine, which makes values.
 * What it would import, look up or call is not.
 *
 * Shown: the arrays in them, of NumPy and PyTorch.  A pickle without any is a file like others.
 * A file of joblib is a pickle, too, between whose opcodes arrays stand (joblib.c), and may be
 * compressed as a whole.
 *
 * https://github.com/python/cpython/blob/main/Lib/pickletools.py
 */
#include "formats/torch/ndarray.h"

extern const struct format format_joblib;

enum { HEAD = 1 << 20, HEAD_ALONE = 16 << 20 }; /* of compressed pickles, so much is looked through for joblib's name */

/* --- compressed files ------------------------------------------------------------------------ */

static enum codec_id codec_of(struct slice head)
{
	if (head.len > 2 && head.data[0] == 0x1f && head.data[1] == 0x8b)
		return CODEC_GZIP;
	bool zlib = head.len > 2 && (head.data[0] & 0x0f) == 8 && head.data[0] >> 4 <= 7 && (head.data[0] << 8 | head.data[1]) % 31 == 0;
	return zlib ? CODEC_ZLIB : CODEC_NONE;
}

/* What joblib also writes, beside bzip2 and xz, which are known to all. */
static const struct {
	struct slice magic;
	const char *name;
} others[] = {
	{SLICE("\x5d\0\0"), "lzma"},
	{SLICE("\x04\x22\x4d\x18"), "lz4"},
};

static int refuse_others(struct slice head, struct error *err)
{
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (head.len >= others[i].magic.len && memcmp(head.data, others[i].magic.data, others[i].magic.len) == 0)
			return error_set(err, ENOTSUP, "compressed with %s, which arrayfs does not read: joblib.dump(..., compress='zlib')",
					 others[i].name);
	return 0;
}

static int open_content(struct torch_file *f, struct error *err)
{
	struct archive *a = f->a;
	uint8_t head[8];
	size_t n = a->source.size < sizeof head ? (size_t)a->source.size : sizeof head;
	int r = source_read(&a->source, 0, head, n, err);
	if (r == 0)
		r = refuse_others((struct slice){head, n}, err);
	enum codec_id codec = r == 0 ? codec_of((struct slice){head, n}) : CODEC_NONE;
	f->data = (struct content){.size = a->source.size};
	if (r < 0 || codec == CODEC_NONE)
		return r;
	r = content_decoded(a, 0, 0, a->source.size, codec, STREAM_SIZE_UNKNOWN, &f->data, err);
	return r < 0 ? r : stream_size(f->data.stream, &f->data.size, err);
}

/* --- opening ------------------------------------------------------------------------------------- */

static int read_pickle(struct torch_file *f, struct error *err)
{
	struct arena scratch = arena_scratch(&f->a->arena);
	f->pickle = (struct pickle){.archive = f->a, .in = &f->data, .keep = f->keep, .scratch = &scratch, .known = torch_known};
	int r = torch_read_wraps(f, err);
	if (r == 0)
		r = pickle_read(&f->pickle, 0, err);
	f->pickle.scratch = NULL;
	arena_free(&scratch);
	return r;
}

static int read_file(struct torch_file *f, struct error *err)
{
	int r = open_content(f, err);
	if (r == 0)
		r = read_pickle(f, err);
	if (r == 0 && torch_is_joblib(f))
		f->a->format = &format_joblib; /* however far on its first array is */
	if (r == 0 && (r = torch_show(f, true, err)) == -ENOTSUP && !err->text[0] && !f->a->mirrored)
		error_set(err, ENOTSUP, "a pickle that holds no array");
	return r;
}

/* Most of what begins as a pickle is not one, or is for others: that is not a fault of the file,
 * unless it is called an archive. */
static int pickle_open(struct archive *a, struct error *err)
{
	struct torch_file *f = arena_alloc(&a->arena, sizeof *f);
	if (!f)
		return error_no_memory(err, "a pickle");
	*f = (struct torch_file){.a = a, .keep = &a->arena};
	int r = read_file(f, err);
	return r == -EBADMSG ? -ENOTSUP : r;
}

/* --- probing -------------------------------------------------------------------------------------- */

static bool pickle_is(const struct peek *p)
{
	return pickle_probe((struct slice){p->bytes, cursor_left(&p->head)});
}

static bool names_joblib(struct slice head)
{
	struct slice name = SLICE("joblib.numpy_pickle");
	return head.len >= name.len && memmem(head.data, head.len, name.data, name.len);
}

/* *ret_end: there is no more to be had. */
static bool names_joblib_within(const struct peek *p, const struct stream *s, size_t room, bool *ret_end)
{
	struct arena scratch = {.limit = 2 * room};
	uint8_t *bytes = arena_alloc(&scratch, room);
	size_t n = 0;
	if (!bytes)
		peek_failed(p, -ENOMEM);
	bool sound = bytes && stream_prefix(s, bytes, room, &n, NULL) == 0, named = sound && names_joblib((struct slice){bytes, n});
	arena_free(&scratch);
	*ret_end = !sound || n < room;
	return named;
}

/* A pickle in which joblib's wrapper is named soon. */
static bool joblib_probe(const struct peek *p)
{
	struct slice head = {p->bytes, cursor_left(&p->head)};
	struct stream s = {.source = p->source, .len = p->size, .codec = codec_of(head), .size = STREAM_SIZE_UNKNOWN};
	uint8_t start[PICKLE_HEAD];
	size_t n, most = p->alone ? HEAD_ALONE : HEAD;
	bool named = false, whole = false;
	if (s.codec == CODEC_NONE)
		return pickle_is(p) && names_joblib(head);
	if (stream_open(&s, NULL) < 0 || stream_prefix(&s, start, sizeof start, &n, NULL) < 0 || !pickle_probe((struct slice){start, n}))
		return false;
	for (size_t room = HEAD / 16; !named && !whole && room <= most; room *= 4) /* what is broken further on is joblib's, too */
		named = names_joblib_within(p, &s, room, &whole);
	return named;
}

/* --- the formats ----------------------------------------------------------------------------------- */

const struct format format_pickle = {
	.name = "pickle",
	.probe = pickle_is,
	.open = pickle_open,
	.list = torch_list,
	.read = lazy_read,
	.attrs = torch_attrs,
	.details = torch_details,
	.overview = torch_overview,
	.same = torch_same,
	.identity = torch_identity,
	.ordinal = torch_ordinal,
};

const struct format format_joblib = {
	.name = "joblib",
	.suffixes = (const char *const[]){".joblib", NULL},
	.serial = true,
	.probe = joblib_probe,
	.open = pickle_open,
	.list = torch_list,
	.read = lazy_read,
	.attrs = torch_attrs,
	.details = torch_details,
	.overview = torch_overview,
	.same = torch_same,
	.identity = torch_identity,
	.ordinal = torch_ordinal,
};
