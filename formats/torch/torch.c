/* SPDX-License-Identifier: MIT */
/*
 * PyTorch's files: a zip of
 *
 *	ROOT/data.pkl       the value, a pickle, in which a storage is a persistent id
 *	ROOT/data/KEY       the bytes of a storage
 *	ROOT/version        "3"
 *	ROOT/byteorder      "little" or "big"
 *	ROOT/constants.pkl  TorchScript: and constants/KEY
 *
 * or the older stream (legacy.c), or what torch.export writes (pt2.c).
 *
 * Nothing is imported, built or called.  What the value holds is shown by show.c; a storage's record is
 * shown in place.  CRCs are not looked at, as PyTorch does not.
 *
 * https://github.com/pytorch/pytorch/blob/v2.13.0/caffe2/serialize/inline_container.h
 */
#include <inttypes.h>
#include <stdio.h>

#include "formats/torch/legacy.h"
#include "formats/torch/record.h"
#include "fs/archive/check.h"

enum { PATH_MOST = 4096 };

/* --- records ---------------------------------------------------------------------------------------- */

/* The path of the record within the zip; false for one that none has. */
static bool put_path(const struct torch_zip *z, const char *folder, struct slice name, uint8_t path[PATH_MOST], struct slice *ret)
{
	size_t root = z->root.len + 1, before = root + strlen(folder);
	if (before > PATH_MOST || name.len > PATH_MOST - before)
		return false;
	memcpy(path, z->root.data, z->root.len);
	path[root - 1] = '/';
	memcpy(path + root, folder, before - root);
	if (name.len)
		memcpy(path + before, name.data, name.len);
	*ret = (struct slice){path, before + name.len};
	return true;
}

const struct zip_member *torch_record(const struct torch_zip *z, const char *folder, struct slice name)
{
	uint8_t path[PATH_MOST];
	struct slice whole;
	return put_path(z, folder, name, path, &whole) ? zip_find(&z->zip, whole) : NULL;
}

int torch_record_text(const struct torch_file *f, const struct torch_zip *z, const char *name, char *ret, size_t room, struct error *err)
{
	const struct zip_member *m = torch_record(z, "", slice_text(name));
	struct content bytes;
	size_t n = 0;
	int r = m ? zip_open(f->a, f->source, m, &bytes, err) : 0;
	if (m && r == 0)
		r = content_head(f->a, &bytes, (uint8_t *)ret, room - 1, &n, err);
	while (n > 0 && (ret[n - 1] == '\n' || ret[n - 1] == ' '))
		n--;
	ret[n] = '\0';
	return r;
}

/* The record's name below the root. */
static struct slice below_root(struct slice name)
{
	const uint8_t *slash = memchr(name.data, '/', name.len);
	size_t before = slash ? (size_t)(slash + 1 - name.data) : 0;
	return (struct slice){name.data + before, name.len - before};
}

static int check_records(const struct torch_zip *z, struct error *err)
{
	uint64_t first = UINT64_MAX;
	for (uint32_t i = 0; i < z->zip.count; i++) {
		const struct zip_member *m = &z->zip.members[i];
		struct slice name = below_root(m->name);
		int len = name.len < 100 ? (int)name.len : 100;
		if (m->codec != CODEC_NONE && m->codec != CODEC_DEFLATE)
			return error_set(err, ENOTSUP, "%.*s is compressed with method %u", len, name.data, m->method);
		if (m->fault && m->method != 0 && m->method != 8)
			return error_set(err, ENOTSUP, "%.*s is compressed with method %u", len, name.data, m->method);
		if (m->fault && strcmp(m->fault, "encrypted") == 0)
			return error_set(err, ENOTSUP, "%.*s is encrypted", len, name.data);
		first = m->header < first ? m->header : first;
	}
	if (first != 0)
		return error_set(err, EBADMSG, "%" PRIu64 " bytes before the first record", first);
	return 0;
}

int torch_zip_read(struct torch_file *f, struct torch_zip *z, struct error *err)
{
	char order[16];
	int r = zip_read(archive_source(f->a, f->source), f->keep, f->keep, &z->zip, err);
	if (r == 0 && z->zip.count == 0)
		r = error_set(err, EBADMSG, "a zip without records");
	if (r == 0)
		r = check_records(z, err);
	if (r < 0)
		return r;
	struct slice name = z->zip.members[0].name;
	const uint8_t *slash = memchr(name.data, '/', name.len);
	z->root = (struct slice){name.data, slash ? (size_t)(slash - name.data) : 0};
	r = torch_record_text(f, z, "byteorder", order, sizeof order, err);
	if (r == 0 && *order && strcmp(order, "little") != 0 && strcmp(order, "big") != 0)
		r = error_set(err, EBADMSG, "a byteorder of \"%s\", neither little nor big", order);
	f->big_endian = strcmp(order, "big") == 0;
	return r;
}

static int find_storage(const struct torch_file *f, struct slice key, struct content *ret, struct error *err)
{
	struct torch_zip *z = f->storages;
	uint8_t path[PATH_MOST];
	struct slice whole;
	const struct zip_member *m = NULL;
	uint32_t next = z->next;
	/* Most lie in the order in which the pickle names them. */
	if (put_path(z, z->folder, key, path, &whole))
		m = next < z->zip.count && slice_equal(z->zip.members[next].name, whole) ? &z->zip.members[next] : zip_find(&z->zip, whole);
	z->next = m ? (uint32_t)(m - z->zip.members) + 1 : 0;
	if (!m)
		return error_set(err, EBADMSG, "storage %.*s is not in the file", key.len < 100 ? (int)key.len : 100, key.data);
	int r = zip_open(f->a, f->source, m, ret, err);
	return r == -EIO ? -EBADMSG : r;
}

/* The pickle of that name, whose storages are in the folder. */
static int read_record(struct torch_file *f, struct torch_zip *z, const char *name, const char *folder, struct error *err)
{
	const struct zip_member *m = torch_record(z, "", slice_text(name));
	struct arena scratch = arena_scratch(f->keep);
	if (!m)
		return error_set(err, EBADMSG, "a zip without data.pkl");
	int r = zip_open(f->a, f->source, m, &f->data, err);
	z->folder = folder;
	f->storage = find_storage;
	f->storages = z;
	f->pickle = (struct pickle){.archive = f->a, .in = &f->data, .keep = f->keep, .scratch = &scratch, .known = torch_known,
				    .persistent = true};
	if (r == 0)
		r = pickle_read(&f->pickle, 0, err);
	f->pickle.scratch = NULL;
	arena_free(&scratch);
	return r;
}

static bool has(const struct torch_zip *z, const char *name)
{
	return torch_record(z, "", slice_text(name)) != NULL;
}

int torch_zip_open(struct torch_file *f, struct torch_zip *z, struct error *err)
{
	if (has(z, ".data/extern_modules") && !has(z, "data.pkl"))
		return error_set(err, ENOTSUP, "a torch.package, which is code: arrayfs does not read it");
	if (!has(z, "data.pkl"))
		return error_set(err, EBADMSG, "a zip without data.pkl");
	if (!has(z, "version") && !has(z, ".data/version"))
		return error_set(err, EBADMSG, "a zip of PyTorch's without `version`");
	f->scripted = has(z, "constants.pkl");
	return read_record(f, z, "data.pkl", "data/", err);
}

/* TorchScript's constants: a tuple of tensors. */
static int show_constants(struct torch_file *f, const struct torch_zip *z, struct error *err)
{
	struct torch_file *constants = arena_alloc(f->keep, sizeof *constants);
	struct torch_zip *zip = arena_alloc(f->keep, sizeof *zip);
	if (!constants || !zip)
		return error_no_memory(err, "its constants");
	*constants = (struct torch_file){.a = f->a, .source = f->source, .keep = f->keep, .big_endian = f->big_endian};
	*zip = *z;
	int r = read_record(constants, zip, "constants.pkl", "constants/", err);
	uint32_t root = constants->pickle.root, dir = 0, id;
	if (r < 0 || torch_meaning(constants, &root) != TORCH_CONTAINER)
		return r;
	struct torch_children children = torch_children(constants, root);
	struct torch_child child;
	struct tree *t = &f->a->tree;
	while (r == 0 && torch_next(&children, &child)) {
		char name[24];
		snprintf(name, sizeof name, "%" PRIu64, child.index);
		if (torch_meaning(constants, &child.node) != TORCH_ARRAY)
			continue;
		dir = dir ? dir : tree_branch(t, TREE_ROOT, SLICE("constants"));
		r = torch_add_tensor(constants, dir, slice_text(name), child.node, &id, err);
	}
	return r;
}

/* --- the format ----------------------------------------------------------------------------------------- */

static bool is_tar(struct slice head)
{
	static const char *const first[] = {"sys_info", "pickle", "storages", "tensors"};
	if (head.len < 512 || memcmp(head.data + 257, "ustar", 5) != 0)
		return false;
	for (size_t i = 0; i < sizeof first / sizeof *first; i++)
		if (strncmp((const char *)head.data, first[i], 100) == 0)
			return true;
	return false;
}

static bool torch_probe(const struct peek *p)
{
	struct cursor head = p->head;
	struct slice bytes = {head.pos, cursor_left(&head)};
	if (torch_legacy_probe(bytes) || is_tar(bytes))
		return true;
	return zip_has(p, SLICE("/data.pkl"), SLICE("")) || zip_has(p, SLICE("/archive_format"), SLICE("pt2"));
}

static int open_zip(struct torch_file *f, struct error *err)
{
	struct torch_zip *z = arena_alloc(f->keep, sizeof *z);
	char kind[8];
	f->zipped = true;
	int r = z ? torch_zip_read(f, z, err) : error_no_memory(err, "its records");
	if (r == 0)
		r = torch_record_text(f, z, "archive_format", kind, sizeof kind, err);
	if (r < 0)
		return r;
	if (strcmp(kind, "pt2") == 0)
		return torch_pt2_show(f, z, err);
	r = torch_zip_open(f, z, err);
	if (r == 0)
		r = torch_show(f, false, err);
	return r == 0 && f->scripted ? show_constants(f, z, err) : r;
}

static int open_stream(struct torch_file *f, struct error *err)
{
	f->data = (struct content){.source = f->source, .size = f->a->source.size};
	int r = torch_legacy_read(f, err);
	return r == 0 ? torch_show(f, false, err) : r;
}

static int torch_open(struct archive *a, struct error *err)
{
	struct torch_file *f = arena_alloc(&a->arena, sizeof *f);
	uint8_t head[512];
	size_t n = a->source.size < sizeof head ? (size_t)a->source.size : sizeof head;
	int r = f ? source_read(&a->source, 0, head, n, err) : error_no_memory(err, "a file of PyTorch's");
	if (r < 0)
		return r;
	*f = (struct torch_file){.a = a, .keep = &a->arena};
	a->priv = f;
	if (is_tar((struct slice){head, n}))
		return error_set(err, ENOTSUP, "a tar checkpoint of PyTorch before 0.1.10: torch.save it again");
	if (torch_legacy_probe((struct slice){head, n}))
		return open_stream(f, err);
	return open_zip(f, err);
}

void torch_overview(struct archive *a, struct overview *ret)
{
	const struct torch_file *f = a->priv;
	uint8_t head[2];
	size_t n = 0;
	if (f->data.size < sizeof head || content_head(a, &f->data, head, sizeof head, &n, NULL) < 0 || n < sizeof head)
		return;
	ret->versioned = f->zipped ? "zip of pickle protocol" : "protocol";
	snprintf(ret->version, sizeof ret->version, "%u", head[0] == 0x80 ? head[1] : 0u); /* older ones do not say */
}

/* Storages that torch.serialization.skip_data() left out are holes, whose records have no checksum. */
static int torch_checks(struct archive *a, struct arena *keep, struct check **ret, uint32_t *ret_count, struct error *err)
{
	const struct torch_file *f = a->priv;
	uint32_t kept = 0;
	*ret_count = 0;
	int r = f->zipped ? zip_checks(a, keep, ret, ret_count, err) : 0;
	for (uint32_t i = 0; i < *ret_count; i++)
		if ((*ret)[i].crc32)
			(*ret)[kept++] = (*ret)[i];
	*ret_count = kept;
	return r;
}

const struct format format_torch = {
	.name = "torch",
	.suffixes = (const char *const[]){".pt", ".pth", ".ckpt", ".ptl", ".pt2", NULL},
	.serial = true,
	.probe = torch_probe,
	.open = torch_open,
	.list = torch_list,
	.read = lazy_read,
	.checks = torch_checks,
	.attrs = torch_attrs,
	.details = torch_details,
	.overview = torch_overview,
	.same = torch_same,
	.identity = torch_identity,
	.ordinal = torch_ordinal,
};
