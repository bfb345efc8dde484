/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdlib.h>

#include "fs/archive/attrs.h"
#include "fs/archive/shape.h"
#include "fs/base/list.h"
#include "fs/base/name.h"
#include "fs/mirror/open_archives.h"
#include "mount/commands/diff.h"
#include "mount/commands/walk.h"
#include "mount/log.h"

void items_free(struct items *l)
{
	for (size_t i = 0; i < l->count; i++) {
		free(l->all[i].name);
		free(l->all[i].more);
		free(l->all[i].same);
		free(l->all[i].dtype);
		free(l->all[i].shape);
		free(l->all[i].values);
	}
	free(l->all);
	idmap_free(&l->by_name);
}

char *item_path(const struct item *item)
{
	char *path = malloc(item->len + 1);
	size_t end = item->len;
	if (!path)
		return NULL;
	path[end] = '\0';
	for (; end > 0; item = item->up) {
		size_t n = strlen(item->name);
		memcpy(path + (end -= n), item->name, n);
		if (end > 0)
			path[--end] = '/';
	}
	return path;
}

static const char *kind_word(mode_t mode)
{
	return S_ISFIFO(mode) ? "fifo" : S_ISSOCK(mode) ? "socket" : S_ISREG(mode) ? "file" : "device";
}

/* "?" if only decoding would reveal the shape. */
static char *shape_text(const struct array *array)
{
	size_t n = attrs_shape(array, NULL, 0);
	char *text = array->unshaped ? strdup(array->sized ? "?" : "none") : malloc(n + 1);
	if (text && !array->unshaped) {
		attrs_shape(array, text, n);
		text[n] = '\0';
	}
	return text;
}

/* What its values are, if they are numbers, where the elements are not them. */
static bool take_values(struct item *item, const struct mirror_ref *ref)
{
	const struct array *array = ref->node->array;
	struct shaped shown;
	item->blocks = array->quant && quant_block(array->quant->blocks) ? quant_block(array->quant->blocks)->name : NULL;
	bool viewed = ref->node->kind != NODE_DIR && view_exists(&views[VIEW_F32], ref->node);
	item->number = viewed || (!item->blocks && compare_is_number(array));
	item->coded = viewed && (array->quant || !compare_is_number(array));
	if (!viewed || array->unshaped)
		return true;
	views[VIEW_F32].array(array, &shown);
	item->values = shape_text(&shown.array);
	return item->values != NULL;
}

/* Copies the names of its type and shape, rather than keep the node: of many archives,
 * not all stay open. */
static bool take_array(struct item *item, const struct mirror_ref *ref)
{
	char name[DTYPE_NAME_MAX];
	struct shaped shaped;
	const struct array *array = &shaped.array;
	shape_known(&ref->open->archive, ref->node, &shaped);
	item->fortran = array->fortran;
	item->validity = ref->node->companion && array->dtype == DTYPE_BOOL;
	item->dtype = strdup(array->dtype != DTYPE_NONE ? dtype_name(array, name) : "none");
	item->shape = shape_text(array);
	return item->dtype && item->shape && take_values(item, ref);
}

static int take_file(struct items *l, struct item *item, const struct mirror_ref *ref)
{
	char target[PATH_MAX];
	struct error err = {0};
	struct stat st;
	if (mirror_readlink(l->m, ref, target, &err) == 0) {
		item->kind = ITEM_LINK;
		item->more = strdup(target);
		return item->more ? 0 : -ENOMEM;
	}
	if (ref->open && !(progress_wanted() && mirror_size_known(ref)))
		return 0;
	if (mirror_stat(l->m, ref, -1, &st, &err) < 0)
		return 0; /* reported when it is read */
	item->size = (uint64_t)st.st_size;
	if (!S_ISREG(st.st_mode)) {
		item->kind = ITEM_OTHER;
		item->more = strdup(kind_word(st.st_mode));
		return item->more ? 0 : -ENOMEM;
	}
	if (!ref->open && mirror_fault(l->m, ref, &err)) {
		item->more = strdup(err.text);
		return item->more ? 0 : -ENOMEM;
	}
	return 0;
}

/* Its folder is the last item, or one of the folders above that. */
static struct item *new_item(struct items *l, const char *path, size_t len)
{
	struct item *grown = list_grow(l->all, l->count, sizeof *grown);
	if (!grown)
		return NULL;
	l->all = grown;
	const char *slash = memrchr(path, '/', len);
	size_t above = slash ? (size_t)(slash - path) : 0;
	uint32_t folder = l->count ? (uint32_t)l->count - 1 : 0;
	while (l->count && l->all[folder].len > above)
		folder = l->all[folder].folder;
	l->all[l->count] = (struct item){.name = strdup(slash ? slash + 1 : path), .folder = folder, .len = len};
	return l->all[l->count].name ? &l->all[l->count++] : NULL;
}

/* The path from where the walk began, which it came to first. */
static const char *relative(const struct items *l, const char *path, size_t *len)
{
	size_t skipped = l->begin + (l->begin > 0 && *len > l->begin); /* and the slash */
	*len -= skipped;
	return path + skipped;
}

static void tell_fault(struct items *l, const char *path, const struct error *fault)
{
	l->trouble = true;
	if (*path || !*l->within)
		log_say("%s: %s: %s", l->source, *path ? path : ".", fault->text);
	else
		log_say("%s: %s", l->source, fault->text);
}

/* A directory with several paths is a single directory. So is an array that several
 * archives share; but it is compared again if the other source shares it under another
 * path. */
static bool take_same(const struct items *l, struct item *item, const struct mirror_ref *ref, const char *same)
{
	size_t len = strlen(same);
	same = relative(l, same, &len);
	char **to = ref->node->kind == NODE_DIR ? &item->more : &item->same;
	if (to == &item->same)
		item->kind = ITEM_FILE;
	return (*to = strdup(same)) != NULL;
}

static int visit(void *arg, enum walk_kind kind, const char *path, size_t len, const struct mirror_ref *ref,
		 const char *same, const struct error *fault)
{
	static const enum item_kind kinds[] = {
		[WALK_FILE] = ITEM_FILE, [WALK_DIR] = ITEM_DIR, [WALK_EMPTY_DIR] = ITEM_DIR, [WALK_SAME] = ITEM_SAME,
		[WALK_FAULT] = ITEM_FAULT,
	};
	static const struct error view = {"a view, whose bytes are not an array's: name the array that it shows"};
	struct items *l = arg;
	bool refused = ref && ino_view(ref->ino);
	if (refused)
		kind = WALK_FAULT, fault = &view, ref = NULL;
	l->begin = l->count ? l->begin : len;
	path = relative(l, path, &len);
	struct item *item = new_item(l, path, len);
	bool fine = item != NULL;
	if (kind == WALK_FAULT)
		tell_fault(l, path, fault);
	if (fine) {
		item->kind = (uint8_t)kinds[kind];
		item->ino = ref ? ref->ino : 0;
	}
	if (fine && kind == WALK_SAME)
		fine = take_same(l, item, ref, same);
	if (fine && item->kind == ITEM_FILE)
		fine = take_file(l, item, ref) == 0;
	if (fine && kind != WALK_FAULT && ref->open && ref->node->array && item->kind != ITEM_LINK)
		fine = take_array(item, ref);
	l->no_memory |= !fine;
	return !fine ? 1 : refused ? WALK_SKIP : 0;
}

/* The key by which a folder's items of that name are found. */
static uint64_t id_of(const struct item *folder, const char *name)
{
	uint64_t id = slice_hash(slice_text(name), folder);
	return id ? id : 1;
}

bool items_walk(struct items *l, struct mirror *m, const char *source, const char *within)
{
	*l = (struct items){.source = source, .within = within, .m = m};
	walk_from(m, within, visit, l);
	for (size_t i = 0; i < l->count && !l->no_memory; i++) {
		struct item *item = &l->all[i];
		item->up = i ? &l->all[item->folder] : NULL;
		uint64_t *first = idmap_at(&l->by_name, id_of(item->up, item->name));
		l->no_memory = !first;
		if (first) {
			item->chain = (uint32_t)*first;
			*first = i + 1;
		}
	}
	return !l->no_memory;
}

struct item *items_find(const struct items *l, const struct item *folder, const char *name)
{
	for (uint64_t i = idmap_get(&l->by_name, id_of(folder, name)); i; i = l->all[i - 1].chain)
		if (l->all[i - 1].up == folder && strcmp(l->all[i - 1].name, name) == 0)
			return &l->all[i - 1];
	return NULL;
}
