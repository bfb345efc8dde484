/* SPDX-License-Identifier: MIT */
/*
 * .arrayfs/original: SOURCE's own files, archives among them, byte for byte.
 *
 * Of a mirrored directory, it is the same tree, with the same dentries, in which an archive is a
 * file passed through. All that is neither a directory nor an archive is the very inode that it
 * is outside.
 *
 * Of a single archive, it holds that archive and the files that it has brought in, by their
 * paths. They are known by their source number, and served from the mapping, as whatever has
 * their names by now is another file.
 */
#include <fcntl.h>
#include <stdlib.h>

#include "fs/base/list.h"
#include "fs/base/name.h"
#include "fs/mirror/impl.h"

/* Whether the dentry is a single archive that is SOURCE. */
static bool is_sole(const struct dentry *e)
{
	return !e->parent && !S_ISDIR(e->type);
}

/* --- the files of a single archive ------------------------------------------ */

/* An index is a source number, and how many components of the file's path it stands for: 0 for
 * all, or those of a directory. A file that is deeper, or one of too many, is not shown. */
enum { DEPTH = 64, FILES_SHOWN = 1 << 21 };

struct place {
	const char *path;
	size_t len;
	uint32_t depth; /* of a directory: its components */
	uint32_t number; /* of the source that it is, or that is in it */
	bool file;
};

static struct archive *sole(const struct mirror *m)
{
	return &m->root->open->archive;
}

static uint32_t count_files(const struct mirror *m)
{
	uint32_t count = archive_sources(sole(m));
	return count < FILES_SHOWN ? count : FILES_SHOWN;
}

/* A file's path below the archive's folder; NULL if it leads out of it, or is too deep. */
static const char *path_of(const struct mirror *m, uint32_t number)
{
	const char *path = number ? members_at(&sole(m)->members, number - 1)->path : m->root->name;
	size_t depth = 1;
	for (const char *at = path;; depth++) {
		size_t n = strcspn(at, "/");
		if (n == 0 || (n == 2 && memcmp(at, "..", 2) == 0))
			return NULL;
		if (!at[n])
			return depth <= DEPTH ? path : NULL;
		at += n + 1;
	}
}

/* What the index stands for; false if nothing. */
static bool place_of(const struct mirror *m, uint32_t index, struct place *ret)
{
	*ret = (struct place){.path = ""};
	if (index <= TREE_ROOT)
		return index == TREE_ROOT;
	index -= ORIGINAL_FILE;
	ret->number = index / DEPTH;
	ret->depth = index % DEPTH;
	ret->file = ret->depth == 0;
	if (ret->number >= count_files(m) || !(ret->path = path_of(m, ret->number)))
		return false;
	if (ret->file)
		ret->len = strlen(ret->path);
	for (uint32_t i = 0; i < ret->depth; i++) {
		ret->len += i > 0; /* the slash */
		ret->len += strcspn(ret->path + ret->len, "/");
		if (!ret->path[ret->len])
			return false;
	}
	return true;
}

/* The rest of the file's path below the directory; NULL if it is not in there. */
static const char *below(const char *path, const struct place *dir)
{
	if (!path || strncmp(path, dir->path, dir->len) != 0 || (dir->len && path[dir->len] != '/'))
		return NULL;
	return path + dir->len + (dir->len > 0);
}

static uint32_t index_of(uint32_t number, uint32_t depth)
{
	return ORIGINAL_FILE + number * DEPTH + depth;
}

/* The index of a name in the directory, by the first file that has it; 0 if none does. */
static uint32_t find(const struct mirror *m, const struct place *dir, struct slice name)
{
	uint32_t count = count_files(m);
	for (uint32_t k = 0; k < count; k++) {
		const char *rest = below(path_of(m, k), dir);
		if (rest && strncmp(rest, (const char *)name.data, name.len) == 0 && (!rest[name.len] || rest[name.len] == '/'))
			return index_of(k, rest[name.len] ? dir->depth + 1 : 0);
	}
	return 0;
}

/* A name in a directory, and where it was found. */
struct found {
	struct slice name;
	uint32_t index;
};

static int by_name(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	size_t n = x->name.len < y->name.len ? x->name.len : y->name.len;
	int r = memcmp(x->name.data, y->name.data, n);
	return r ? r : x->name.len != y->name.len ? (x->name.len > y->name.len) - (x->name.len < y->name.len)
						   : (x->index > y->index) - (x->index < y->index);
}

static int add_all(struct mirror *m, const struct found *found, size_t count, struct mirror_dir *ret)
{
	for (size_t i = 0; i < count; i++) {
		char name[NAME_MAX + 1];
		if ((i > 0 && slice_equal(found[i].name, found[i - 1].name)) || found[i].name.len > NAME_MAX)
			continue;
		memcpy(name, found[i].name.data, found[i].name.len);
		name[found[i].name.len] = '\0';
		bool file = original_is_file(found[i].index);
		uint64_t ino = ino_of(0, VIEW_ORIGINAL, found[i].index);
		if (!view_add_name(ret, name, "", file ? DT_REG : DT_DIR, mirror_number(m, &ret->ref, ino)))
			return -ENOMEM;
	}
	return 0;
}

static int list_sole(struct mirror *m, struct mirror_dir *ret)
{
	struct place dir;
	uint32_t count = count_files(m);
	struct found *found = calloc(count, sizeof *found);
	size_t n = 0;
	if (!found)
		return -ENOMEM;
	place_of(m, ino_index(ret->ref.ino), &dir);
	for (uint32_t k = 0; k < count; k++) {
		const char *rest = below(path_of(m, k), &dir);
		size_t len = rest ? strcspn(rest, "/") : 0;
		if (len)
			found[n++] = (struct found){{(const uint8_t *)rest, len}, index_of(k, rest[len] ? dir.depth + 1 : 0)};
	}
	qsort(found, n, sizeof *found, by_name);
	int r = add_all(m, found, n, ret);
	free(found);
	return r;
}

/* The part of a file that is still there; what it has gained is not shown. */
static uint64_t size_of(const struct source *s)
{
	struct stat now;
	return source_stat(s, &now) == 0 && (uint64_t)now.st_size < s->size ? (uint64_t)now.st_size : s->size;
}

static int stat_sole(struct mirror *m, const struct mirror_ref *ref, struct stat *ret)
{
	struct place place;
	if (!place_of(m, ino_index(ref->ino), &place))
		return -ESTALE;
	archive_stat_file(sole(m), place.file ? place.number : 0, ret);
	if (place.file) {
		ret->st_size = (off_t)size_of(archive_source(sole(m), place.number));
		ret->st_mode |= S_IFREG;
	} else {
		ret->st_mode |= S_IFDIR | ret->st_mode >> 2;
		ret->st_size = ret->st_blocks = 0;
		ret->st_nlink = 1;
	}
	return 0;
}

/* --- any --------------------------------------------------------------------- */

bool original_is_file(uint32_t index)
{
	return index >= ORIGINAL_FILE && (index - ORIGINAL_FILE) % DEPTH == 0;
}

bool original_exists(const struct mirror *m, const struct dentry *e, uint32_t index)
{
	struct place place;
	if (is_sole(e))
		return place_of(m, index, &place);
	return S_ISDIR(e->type) ? index == TREE_ROOT : e->archive && index == ORIGINAL_FILE;
}

uint64_t original_ino(const struct dentry *e)
{
	bool directory = S_ISDIR(e->type);
	return directory || e->archive ? ino_of(e->id << 32, VIEW_ORIGINAL, directory ? TREE_ROOT : ORIGINAL_FILE) : e->id << 32 | TREE_ROOT;
}

uint64_t original_parent(const struct mirror *m, const struct mirror_ref *ref)
{
	struct place place, up = {.path = ""};
	if (ino_index(ref->ino) == TREE_ROOT && !ref->dentry->parent)
		return ino_of(ref->ino, VIEW_TOP, TOP_DIR);
	if (!is_sole(ref->dentry))
		return original_ino(ref->dentry->parent);
	const char *slash = place_of(m, ino_index(ref->ino), &place) ? memrchr(place.path, '/', place.len) : NULL;
	if (!slash)
		return ino_of(ref->ino, VIEW_ORIGINAL, TREE_ROOT);
	uint32_t index = TREE_ROOT;
	for (const char *at = place.path; at <= slash; at += strcspn(at, "/") + 1) {
		index = find(m, &up, (struct slice){(const uint8_t *)at, strcspn(at, "/")});
		place_of(m, index, &up);
	}
	return ino_of(ref->ino, VIEW_ORIGINAL, index);
}

int original_lookup(struct mirror *m, const struct mirror_ref *dir, struct slice name, struct mirror_ref *ret, struct error *err)
{
	struct place place;
	if (!is_sole(dir->dentry))
		return S_ISDIR(dir->dentry->type) ? lookup_mirrored(m, dir->dentry, name, true, ret, err) : -ENOTDIR;
	if (!place_of(m, ino_index(dir->ino), &place))
		return -ESTALE;
	uint32_t index = place.file ? 0 : find(m, &place, name);
	if (!index)
		return place.file ? -ENOTDIR : -ENOENT;
	mirror_copy(m, dir, ret);
	ret->ino = ino_of(dir->ino, VIEW_ORIGINAL, index);
	return 0;
}

/* Every name, since opening the files shows which are archives, whose numbers differ. */
static int list_mirrored(struct mirror *m, struct mirror_dir *plain, struct mirror_dir *ret, struct error *err)
{
	struct mirror_name name;
	int r;
	for (off_t at = 0; (r = plain_next(m, plain, at, &name, err)) > 0;) {
		struct mirror_ref ref = {0};
		at = name.next;
		if (strcmp(name.name, ".") == 0 || strcmp(name.name, "..") == 0 ||
		    original_lookup(m, &ret->ref, slice_text(name.name), &ref, NULL) < 0)
			continue;
		bool added = view_add_name(ret, name.name, "", (unsigned char)IFTODT(ref.dentry->type), mirror_number(m, &ref, ref.ino));
		mirror_put(m, &ref);
		if (!added)
			return -ENOMEM;
	}
	return r;
}

int original_list(struct mirror *m, struct mirror_dir *ret, struct error *err)
{
	struct mirror_ref plain = view_plain(&ret->ref);
	struct mirror_dir source;
	if (is_sole(ret->ref.dentry))
		return list_sole(m, ret);
	int r = mirror_open_dir(m, &plain, &source, err);
	if (r < 0)
		return r;
	r = list_mirrored(m, &source, ret, err);
	mirror_close_dir(m, &source);
	return r;
}

int original_stat(struct mirror *m, const struct mirror_ref *ref, int fd, struct stat *ret, struct error *err)
{
	struct mirror_ref plain = view_plain(ref);
	int r = is_sole(ref->dentry) ? stat_sole(m, ref, ret) : plain_stat(m, &plain, fd, ret, err);
	if (r == 0 && S_ISREG(ret->st_mode))
		ret->st_mode &= S_IFMT | 0444;
	if (r == 0)
		ret->st_ino = mirror_number(m, ref, ref->ino);
	return r;
}

int original_open_file(struct mirror *m, const struct mirror_ref *ref, int *ret_fd, struct error *err)
{
	if (!original_is_file(ino_index(ref->ino)))
		return -EISDIR;
	return is_sole(ref->dentry) ? 0 : passed_open(m, ref->dentry, ret_fd, err);
}

int original_read(struct mirror *m, const struct mirror_ref *ref, int fd, uint64_t offset, uint64_t len, struct answer *ret,
		  struct error *err)
{
	struct place place;
	if (!is_sole(ref->dentry))
		return passed_read(fd, offset, len, ret, err);
	if (!place_of(m, ino_index(ref->ino), &place) || !place.file)
		return -EISDIR;
	const struct source *s = archive_source(sole(m), place.number);
	uint64_t size = size_of(s);
	len = offset >= size ? 0 : len < size - offset ? len : size - offset;
	return len ? answer_source(ret, s, offset, len, err) : 0;
}

int mirror_original(struct mirror *m, const struct mirror_ref *ref, int fd)
{
	struct place place;
	if (!is_sole(ref->dentry))
		return fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return place_of(m, ino_index(ref->ino), &place) && place.file ? source_dup(archive_source(sole(m), place.number)) : -1;
}

uint64_t original_number(struct mirror *m, const struct dentry *e, uint32_t index)
{
	struct place place;
	struct stat st = {.st_dev = e->dev, .st_ino = e->ino};
	if (is_sole(e) && index != TREE_ROOT && place_of(m, index, &place)) {
		if (!place.file) /* known by no more than its path */
			return numbers_range(&m->numbers, &(struct number_owner){.dev = e->dev, .ino = e->ino,
					     .part = name_hash((struct slice){(const uint8_t *)place.path, place.len})}, 0);
		st = archive_source(sole(m), place.number)->st;
		index = ORIGINAL_FILE;
	}
	return view_number(m, st.st_dev, st.st_ino, VIEW_ORIGINAL, index);
}
