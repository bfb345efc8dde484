/* SPDX-License-Identifier: MIT */
#include "fs/mirror/impl.h"

#include <stdio.h>
#include <stdlib.h>

#include "fs/base/list.h"

/* --- .arrayfs itself ------------------------------------------------------ */

static int next_top(struct mirror_dir *dir, off_t offset, struct mirror_name *ret)
{
	uint64_t at = (uint64_t)offset - 2, ino;
	const char *name = view_top_next(dir->ref.ino, &at, &ino);
	if (!name)
		return 0;
	*ret = (struct mirror_name){name, ino_view(ino) == VIEW_TOP ? DT_REG : DT_DIR, ino, 0, (off_t)at + 2};
	return 1;
}

/* --- in archives ---------------------------------------------------------- */

/* Whether a directory has the file's name, suffix included; the directory keeps it. */
static bool taken(const struct tree *t, const struct mirror_ref *dir, const char *name)
{
	uint32_t id = tree_find(t, dir->node, ino_index(dir->ino), slice_text(name));
	return id && tree_node(t, id)->kind == NODE_DIR;
}

/* Offsets: 2 at first, then 2 + 2 * the next node, + 1 if only the second name is left of a
 * directory that has a file next to it. */
static int next_in_archive(struct mirror_dir *dir, off_t offset, struct mirror_name *ret)
{
	struct archive *a = &dir->ref.open->archive;
	const struct tree *t = &a->tree;
	const struct view *view = &views[ino_view(dir->ref.ino)];
	uint64_t at = offset == 2 ? (uint64_t)dir->ref.node->child * 2 : (uint64_t)offset - 2;

	while (at > 1) {
		uint32_t id = (uint32_t)(at / 2), index;
		bool second = at & 1;
		const struct node *name = at / 2 <= UINT32_MAX ? tree_node(t, id) : NULL;
		if (!name)
			return 0;
		index = tree_resolve(t, id);
		const struct node *n = tree_node(t, index);
		enum shown as = second ? SHOWN_FILE : view_shows(a, view, index);
		bool both = n->kind == NODE_DIR && view_of_directory(view, n) && !second;
		at = both ? at + 1 : name->next ? (uint64_t)name->next * 2 : 1;
		if (as == SHOWN_NOT)
			continue;
		bool file = as == SHOWN_FILE;
		snprintf(dir->name, sizeof dir->name, "%s%s", name->name, file ? view->suffix : "");
		if (file && taken(t, &dir->ref, dir->name))
			continue;
		enum view_id of = !file ? view->directories : n->kind == NODE_DIR ? view_of_directory(view, n) : view->files;
		*ret = (struct mirror_name){dir->name, file ? DT_REG : DT_DIR, ino_of(dir->ref.ino, of, index), 0, (off_t)at + 2};
		if (n->kind == NODE_LINK)
			ret->type = DT_LNK;
		return 1;
	}
	return 0;
}

/* --- in mirrored directories ---------------------------------------------- */

bool view_add_name(struct mirror_dir *dir, const char *name, const char *suffix, unsigned char type, uint64_t number)
{
	size_t n = dir->count;
	struct mirror_listed *grown = list_grow(dir->names, n, sizeof *grown);
	if (!grown)
		return false;
	dir->names = grown;
	dir->names[n] = (struct mirror_listed){.type = type, .number = number};
	if (asprintf(&dir->names[n].name, "%s%s", name, suffix) < 0)
		return false;
	dir->count++;
	return true;
}

static uint64_t number_as(struct mirror *m, const struct mirror_ref *ref, enum view_id view)
{
	return mirror_number(m, ref, ino_of(ref->ino, view, ino_index(ref->ino)));
}

/* Reads the whole directory, since only opening its files shows which appear here. */
static int read_all(struct mirror *m, struct mirror_dir *plain, struct mirror_dir *ret, struct error *err)
{
	const struct view *view = &views[ino_view(ret->ref.ino)];
	struct mirror_name name;
	int r;
	for (off_t at = 0; (r = plain_next(m, plain, at, &name, err)) > 0;) {
		struct mirror_ref ref;
		at = name.next;
		if (strcmp(name.name, ".") == 0 || strcmp(name.name, "..") == 0 ||
		    plain_lookup(m, &plain->ref, slice_text(name.name), &ref, NULL) < 0)
			continue;
		bool directory = ref.open || S_ISDIR(ref.dentry->type), link = !ref.open && S_ISLNK(ref.dentry->type);
		bool failed = false;
		if (directory || link)
			failed = !view_add_name(ret, name.name, "", directory ? DT_DIR : DT_LNK, number_as(m, &ref, view->directories));
		if (directory && view->files != view->directories)
			failed |= !view_add_name(ret, name.name, view->suffix, DT_REG, number_as(m, &ref, view->files));
		mirror_put(m, &ref);
		if (failed)
			return -ENOMEM;
	}
	return r;
}

static int list_mirrored(struct mirror *m, const struct mirror_ref *plain, struct mirror_dir *ret, struct error *err)
{
	struct mirror_dir source;
	int r = mirror_open_dir(m, plain, &source, err);
	if (r < 0)
		return r;
	r = read_all(m, &source, ret, err);
	mirror_close_dir(m, &source);
	return r;
}

static int next_mirrored(const struct mirror_dir *dir, off_t offset, struct mirror_name *ret)
{
	if ((uint64_t)offset - 2 >= dir->count)
		return 0;
	const struct mirror_listed *l = &dir->names[offset - 2];
	*ret = (struct mirror_name){.name = l->name, .type = l->type, .number = l->number, .next = offset + 1};
	return 1;
}

/* --- any directory in a view ---------------------------------------------- */

int view_open_dir(struct mirror *m, const struct mirror_ref *ref, struct mirror_dir *ret, struct error *err)
{
	struct mirror_ref plain = view_plain(ref);
	if (view_is_file(ref->ino))
		return -ENOTDIR;
	if (ino_view(ref->ino) == VIEW_TOP)
		return 0;
	if (ref->open)
		return mirror_fill(m, &ref->open->archive, ino_index(ref->ino), err);
	ret->ref = *ref; /* borrowed: our caller takes a reference */
	int r = ino_view(ref->ino) == VIEW_ORIGINAL ? original_list(m, ret, err) : list_mirrored(m, &plain, ret, err);
	ret->ref = (struct mirror_ref){0};
	if (r < 0)
		view_close_dir(ret);
	return r;
}

void view_close_dir(struct mirror_dir *dir)
{
	for (size_t i = 0; i < dir->count; i++)
		free(dir->names[i].name);
	free(dir->names);
	dir->names = NULL;
	dir->count = 0;
}

int view_next(struct mirror *m, struct mirror_dir *dir, off_t offset, struct mirror_name *ret, struct error *err)
{
	(void)m, (void)err;
	if (ino_view(dir->ref.ino) == VIEW_TOP)
		return next_top(dir, offset, ret);
	return dir->ref.open ? next_in_archive(dir, offset, ret) : next_mirrored(dir, offset, ret);
}
