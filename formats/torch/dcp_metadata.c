/* SPDX-License-Identifier: MIT */
/* A checkpoint's .metadata: which tensors there are, of which chunks, and where these lie. */
#include <inttypes.h>

#include "formats/torch/dcp_reader.h"
#include "formats/torch/storage.h"

enum { PROBED = 256 };

/* Names beside those of names.c. */
enum { DCP_METADATA = 1000, DCP_TENSOR, DCP_BYTES };

static uint16_t dcp_known(struct slice module, struct slice name)
{
	static const struct {
		const char *name;
		uint16_t known;
	} classes[] = {{"Metadata", DCP_METADATA}, {"TensorStorageMetadata", DCP_TENSOR}, {"BytesStorageMetadata", DCP_BYTES}};
	if (slice_equal(module, SLICE("torch.distributed.checkpoint.metadata")))
		for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
			if (slice_equal(name, slice_text(classes[i].name)))
				return classes[i].known;
	return torch_known(module, name);
}

bool dcp_probe(const struct peek *p)
{
	static const char module[] = "torch.distributed.checkpoint.metadata", name[] = "Metadata";
	struct slice head = {p->bytes, cursor_left(&p->head) < PROBED ? cursor_left(&p->head) : PROBED};
	if (head.len < 2 || head.data[0] != 0x80 || head.data[1] < 2 || head.data[1] > 5)
		return false;
	const uint8_t *at = memmem(head.data, head.len, module, sizeof module - 1);
	if (!at)
		return false;
	at += sizeof module - 1;
	/* GLOBAL has a line feed between the two, STACK_GLOBAL the opcodes of a short text; an opcode follows the
	 * name, too: MetadataIndex is another class. */
	size_t left = head.len - (size_t)(at - head.data);
	at = memmem(at, left < 16 ? left : 16, name, sizeof name - 1);
	return at && at + sizeof name - 1 < head.data + head.len && (at[sizeof name - 1] == '\n' || at[sizeof name - 1] >= 0x80);
}

static uint16_t class_of(const struct dcp_reader *r, uint32_t node)
{
	const struct pickle_node *n = node ? torch_node(&r->f, node) : NULL;
	return n && n->kind == PICKLE_CALL && n->call->made ? n->known : 0;
}

/* --- tensors --------------------------------------------------------------------------------------- */

static const struct torch_dtype *dtype_of(const struct dcp_reader *r, uint32_t properties)
{
	const struct pickle_node *n = properties ? torch_node(&r->f, properties) : NULL;
	uint32_t state = n && n->kind == PICKLE_CALL ? n->call->state : 0, dtype = dcp_field(r, properties, DCP_DTYPE);
	n = state ? torch_node(&r->f, state) : NULL;
	if (n && n->kind == PICKLE_TUPLE && n->count > 0)
		dtype = pickle_item(n, 0);
	n = dtype ? torch_node(&r->f, dtype) : NULL;
	return n && n->kind == PICKLE_GLOBAL ? torch_dtype(n->known) : NULL;
}

static int describe(struct dcp_reader *r, struct dcp_tensor *t, uint32_t node, struct error *why)
{
	struct archive *a = r->d->a;
	uint64_t *stored, *shape = NULL;
	t->dtype = dtype_of(r, dcp_field(r, node, DCP_PROPERTIES));
	if (!t->dtype)
		return error_set(why, ENOTSUP, "a tensor of an unknown type");
	int e = torch_extents(&r->f, dcp_field(r, node, DCP_SIZE), "size", &a->arena, &stored, &t->rank, why);
	if (e < 0)
		return e;
	struct array array = {.dtype = t->dtype->dtype, .type = t->dtype->name, .width = t->dtype->width, .rank = t->rank, .shape = stored};
	t->shape = stored;
	t->width = torch_width(t->dtype);
	array.byteorder = t->width > 1 ? BYTEORDER_LITTLE : BYTEORDER_NONE;
	if (dtype_bits(&array) == 4 && t->rank) {
		if (!(shape = arena_array(&a->arena, t->rank, sizeof *shape)))
			return error_no_memory(why, "its shape");
		memcpy(shape, stored, t->rank * sizeof *shape);
		if (__builtin_mul_overflow(shape[t->rank - 1], 2, &shape[t->rank - 1]))
			return error_set(why, EBADMSG, "a shape of more elements than 64 bits count");
		array.shape = shape;
	}
	t->array = tree_array(&a->tree, &array);
	if (!t->array || tree_array_size(t->array) > INT64_MAX) {
		t->array = NULL;
		return error_set(why, EBADMSG, "a shape of more elements than 64 bits count");
	}
	return 0;
}

static int read_chunk(struct dcp_reader *r, struct dcp_tensor *t, uint32_t node, struct error *why)
{
	struct arena *keep = &r->d->a->arena;
	uint64_t *offsets, *sizes;
	uint32_t ranks[2];
	struct dcp_chunk *chunk = &t->chunks[t->nchunks];
	int e = torch_extents(&r->f, dcp_field(r, node, DCP_OFFSETS), "offset", keep, &offsets, &ranks[0], why);
	if (e == 0)
		e = torch_extents(&r->f, dcp_field(r, node, DCP_SIZES), "size", keep, &sizes, &ranks[1], why);
	if (e < 0)
		return e;
	if (ranks[0] != t->rank || ranks[1] != t->rank)
		return error_set(why, EBADMSG, "a chunk of it has another number of dimensions");
	for (uint32_t i = 0; i < t->rank; i++)
		if (sizes[i] == 0)
			return 0; /* nothing is in it */
	*chunk = (struct dcp_chunk){.offsets = offsets, .sizes = sizes};
	t->nchunks++;
	return dcp_find_slice(r, t->name, offsets, t->rank, &chunk->slice);
}

static const char *fault_of(const struct dcp *d, const struct dcp_chunk *chunk)
{
	if (!chunk->slice)
		return "no slice has a chunk of it";
	return chunk->slice->fault ? chunk->slice->fault : d->files[chunk->slice->file].fault;
}

/* The files it comes from; the list is often that of the tensor before. */
static int find_sources(struct dcp_reader *r, struct dcp_tensor *t, const struct dcp_tensor *before)
{
	struct dcp *d = r->d;
	uint32_t *sources = arena_array(&r->scratch, t->nchunks + 1u, sizeof *sources), number = (uint32_t)(t - d->tensors) + 1;
	if (!sources)
		return dcp_no_memory(r);
	for (uint32_t i = 0; i < t->nchunks; i++) {
		if (fault_of(d, &t->chunks[i]))
			continue;
		uint32_t file = t->chunks[i].slice->file;
		if (r->marks[file] != number)
			sources[t->nsources++] = d->files[file].source;
		r->marks[file] = number;
	}
	size_t bytes = t->nsources * sizeof *sources;
	if (before && before->nsources == t->nsources && (!bytes || memcmp(before->sources, sources, bytes) == 0)) {
		t->sources = before->sources;
		return 0;
	}
	uint32_t *kept = arena_array(&d->a->arena, t->nsources + 1u, sizeof *kept);
	if (!kept)
		return dcp_no_memory(r);
	memcpy(kept, sources, bytes);
	t->sources = kept;
	return 0;
}

static int read_chunks(struct dcp_reader *r, struct dcp_tensor *t, uint32_t node, struct error *why)
{
	uint32_t chunks = dcp_field(r, node, DCP_CHUNKS), item;
	const struct pickle_node *n = chunks ? torch_node(&r->f, chunks) : NULL;
	if (!n || (n->kind != PICKLE_LIST && n->kind != PICKLE_TUPLE))
		return error_set(why, EBADMSG, "it has no list of chunks");
	if (!(t->chunks = arena_array(&r->d->a->arena, n->count + 1u, sizeof *t->chunks)))
		return error_no_memory(why, "the chunks of a tensor");
	struct pickle_walk w = pickle_items(n);
	int e = 0;
	while (e == 0 && pickle_next(&w, &item))
		e = read_chunk(r, t, item, why);
	return e;
}

/* What is wrong with a tensor is its own fault. */
static int read_tensor(struct dcp_reader *r, struct dcp_tensor *t, uint32_t node, const struct dcp_tensor *before)
{
	struct error why = {0};
	uint32_t faults = 0;
	int e = describe(r, t, node, &why);
	if (e == 0 && tree_array_size(t->array) > 0) {
		e = read_chunks(r, t, node, &why);
		if (e == 0)
			e = dcp_cells(r->d->a, t, &why);
	}
	if (error_passes(e))
		return error_set(r->err, -e, "%s", why.text);
	if (e < 0) {
		t->fault = dcp_sentence(r, &why);
		t->nchunks = 0;
	}
	for (uint32_t i = 0; i < t->nchunks; i++) {
		const char *fault = fault_of(r->d, &t->chunks[i]);
		faults += fault != NULL;
		t->partly = t->partly ? t->partly : fault;
	}
	if (faults && faults == t->nchunks && !t->fault)
		t->fault = t->partly;
	return find_sources(r, t, before);
}

/* --- state_dict_metadata --------------------------------------------------------------------------- */

/* Of two equal names, the last is meant, at the place of the first. */
static int add_name(struct dcp_reader *r, uint32_t key, uint32_t *ret)
{
	struct slice name;
	bool is, fresh;
	int e = dcp_text(r, key, &r->d->a->arena, &name, &is);
	if (e < 0)
		return e;
	if (!is)
		return error_set(r->err, EBADMSG, "a name of its state_dict_metadata is no text");
	*ret = slice_map_add(&r->names, name, &fresh);
	return *ret == SLICE_MAP_NONE ? dcp_no_memory(r) : 0;
}

static int read_entry(struct dcp_reader *r, uint32_t name, uint32_t node)
{
	struct dcp *d = r->d;
	if (class_of(r, node) == DCP_BYTES) {
		struct dcp_value *value = &d->values[d->nvalues++];
		value->name = r->names.keys[name];
		return dcp_find_slice(r, value->name, NULL, UINT32_MAX, &value->slice);
	}
	struct dcp_tensor *t = &d->tensors[d->ntensors++];
	t->lazy.read = dcp_read;
	t->name = r->names.keys[name];
	if (class_of(r, node) == DCP_TENSOR)
		return read_tensor(r, t, node, d->ntensors > 1 ? t - 1 : NULL);
	t->fault = "neither a tensor nor a value, as far as arrayfs knows";
	return 0;
}

static int read_entries(struct dcp_reader *r)
{
	struct dcp *d = r->d;
	uint32_t dict = dcp_field(r, r->f.pickle.root, DCP_STATE_DICT_METADATA), key, value, name = 0;
	const struct pickle_node *n = dict ? torch_node(&r->f, dict) : NULL;
	if (!n || n->kind != PICKLE_DICT)
		return error_set(r->err, EBADMSG, "it has no state_dict_metadata");
	uint32_t *nodes = arena_array(&r->scratch, n->count / 2 + 1u, sizeof *nodes);
	d->tensors = arena_array(&d->a->arena, n->count / 2 + 1u, sizeof *d->tensors);
	d->values = arena_array(&d->a->arena, n->count / 2 + 1u, sizeof *d->values);
	r->marks = arena_array(&r->scratch, d->nfiles + 1u, sizeof *r->marks);
	if (!nodes || !d->tensors || !d->values || !r->marks)
		return dcp_no_memory(r);
	struct pickle_walk w = pickle_items(n);
	int e = 0;
	while (e == 0 && pickle_next(&w, &key) && pickle_next(&w, &value))
		if ((e = add_name(r, key, &name)) == 0)
			nodes[name] = value;
	for (uint32_t i = 0; e == 0 && i < r->names.count; i++)
		e = read_entry(r, i, nodes[i]);
	return e;
}

static int read_all(struct dcp_reader *r)
{
	struct torch_file *f = &r->f;
	f->pickle = (struct pickle){.archive = f->a, .in = &f->data, .keep = &r->scratch, .scratch = &r->scratch, .known = dcp_known};
	int e = pickle_read(&f->pickle, 0, r->err);
	if (e == 0 && class_of(r, f->pickle.root) != DCP_METADATA)
		e = error_set(r->err, EBADMSG, "no object of class Metadata");
	if (e == 0)
		e = dcp_read_slices(r);
	return e == 0 ? read_entries(r) : e;
}

int dcp_metadata(struct dcp *d, struct error *err)
{
	const struct source *s = archive_source(d->a, d->metadata);
	struct dcp_reader r = {.d = d, .scratch = arena_scratch(&d->a->arena), .err = err};
	r.f = (struct torch_file){.a = d->a, .source = d->metadata, .keep = &r.scratch, .data = {.source = d->metadata, .size = s->size}};
	r.slices.arena = r.paths.arena = r.names.arena = &r.scratch;
	int e = read_all(&r);
	arena_free(&r.scratch);
	return e;
}
