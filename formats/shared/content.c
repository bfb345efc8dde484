/* SPDX-License-Identifier: MIT */
#include "formats/shared/content.h"

#include <inttypes.h>

#include "formats/shared/lazy.h"

int content_decoded(struct archive *a, uint32_t source, uint64_t offset, uint64_t len, enum codec_id codec, uint64_t size,
		    struct content *ret, struct error *err)
{
	struct stream *s = arena_alloc(&a->arena, sizeof *s);
	*ret = (struct content){.stream = s, .source = source, .size = size};
	if (!s)
		return error_no_memory(err, "decoding");
	*s = (struct stream){.client = &a->blocks, .blocks = a->options->blocks, .source = archive_source(a, source),
			     .offset = offset, .len = len, .codec = codec, .size = size};
	return stream_open(s, err);
}

int content_read(struct archive *a, const struct content *c, uint64_t offset, size_t len, uint8_t *out, const _Atomic bool *gone,
		 struct error *err)
{
	if (c->memory) {
		memcpy(out, c->memory + c->offset + offset, len);
		return 0;
	}
	if (!c->stream)
		return source_read(archive_source(a, c->source), c->offset + offset, out, len, err);
	struct answer answer;
	answer_init(&answer);
	answer.gone = gone;
	int r = stream_answer(c->stream, c->offset + offset, len, &answer, err);
	if (r == 0 && answer.len != len)
		r = error_set(err, EBADMSG, "%s ends after %zu of %zu bytes", codec_name(c->stream->codec), answer.len, len);
	if (r == 0)
		r = answer_copy(&answer, out, err);
	answer_close(&answer);
	return r;
}

int content_head(struct archive *a, const struct content *c, uint8_t *out, size_t len, size_t *ret, struct error *err)
{
	*ret = c->size < len ? (size_t)c->size : len;
	if (c->stream && c->offset == 0)
		return stream_prefix(c->stream, out, *ret, ret, err);
	return content_read(a, c, 0, *ret, out, NULL, err);
}

int content_load(struct archive *a, const struct content *c, struct arena *arena, size_t most, struct cursor *ret,
		 struct error *err)
{
	*ret = cursor_over((struct slice){NULL, 0});
	if (c->size > most)
		return error_set(err, ENOTSUP, "%" PRIu64 " bytes, over the limit of %zu", c->size, most);
	uint8_t *bytes = arena_alloc(arena, (size_t)c->size + 1);
	if (!bytes)
		return error_no_memory(err, "metadata");
	*ret = cursor_over((struct slice){bytes, (size_t)c->size});
	return content_read(a, c, 0, (size_t)c->size, bytes, NULL, err);
}

int content_answer(struct archive *a, const struct content *c, uint64_t offset, uint64_t len, struct answer *ret,
		   struct error *err)
{
	if (c->stream)
		return stream_answer(c->stream, c->offset + offset, len, ret, err);
	if (c->memory)
		return answer_bytes(ret, c->memory + c->offset + offset, (size_t)len);
	return answer_source(ret, archive_source(a, c->source), c->offset + offset, len, err);
}

const char *content_codec(const struct content *c)
{
	return c->stream && codec_compresses(c->stream->codec) ? codec_name(c->stream->codec) : NULL;
}

/* --- in the tree --------------------------------------------------------------- */

struct content_file {
	struct lazy lazy;
	struct content content;
};

static int read_file(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	const struct content_file *f = n->lazy;
	return content_answer(a, &f->content, offset, len, ret, err);
}

const struct content *content_shown(const struct node *n)
{
	const struct content_file *f = n->kind == NODE_LAZY ? n->lazy : NULL;
	return f && f->lazy.read == read_file ? &f->content : NULL;
}

int content_show(struct archive *a, uint32_t parent, struct slice name, const struct content *c, const struct array *array,
		 uint32_t *ret, struct error *err)
{
	struct tree *t = &a->tree;
	if (c->stream) {
		struct content_file *f = arena_alloc(&a->arena, sizeof *f);
		if (!f)
			return error_no_memory(err, "its arrays");
		*f = (struct content_file){{read_file}, *c};
		*ret = tree_lazy(t, parent, name, f, c->size);
	} else if (c->memory) {
		*ret = tree_bytes(t, parent, name, c->memory + c->offset, (size_t)c->size);
	} else {
		*ret = tree_range(t, parent, name, c->source, c->offset, c->size);
	}
	if (array) {
		struct array described = *array;
		described.codec = content_codec(c);
		tree_describe(t, *ret, tree_array(t, &described));
	}
	return 0;
}
