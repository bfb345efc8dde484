/* SPDX-License-Identifier: MIT */
/*
 * Files checked against the SHA-256 in a list beside them, or in their own name.
 *
 * The writer of a checkpoint replaces its files, and the list, one after another.  So a file
 * that does not match, if it or the list was changed a moment ago or meanwhile, is checked
 * again at the end; and a file that was removed meanwhile is not a fault.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "formats/digests.h"
#include "mount/commands/verify.h"

bool verify_is_young(const struct stat *st)
{
	enum { SECONDS = 2 };
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	int64_t changed = st->st_mtim.tv_sec > st->st_ctim.tv_sec ? st->st_mtim.tv_sec : st->st_ctim.tv_sec;
	return changed + SECONDS > now.tv_sec && changed <= now.tv_sec + SECONDS;
}

bool verify_is_restless(const struct verify *v, const struct stat *st)
{
	struct timespec now = st->st_ctim;
	return v->second && (now.tv_sec > v->settling.tv_sec || (now.tv_sec == v->settling.tv_sec && now.tv_nsec > v->settling.tv_nsec));
}

/* --- files that are hashed ------------------------------------------------------- */

uint64_t verify_file_id(const struct stat *st)
{
	return (uint64_t)st->st_ino ^ (uint64_t)st->st_dev << 48;
}

bool verify_is_hashed(struct verify *v, const struct stat *st)
{
	pthread_mutex_lock(&v->lock);
	bool hashed = idmap_get(&v->hashed, verify_file_id(st)) != 0;
	pthread_mutex_unlock(&v->lock);
	return hashed;
}

static void will_hash(struct verify *v, const struct stat *st)
{
	pthread_mutex_lock(&v->lock);
	uint64_t *known = idmap_at(&v->hashed, verify_file_id(st));
	if (known)
		*known = 1;
	pthread_mutex_unlock(&v->lock);
}

/* --- one file ---------------------------------------------------------------------- */

/* What has become of the list since it was read? */
static enum verdict list_now(const struct verify *v, const struct task *t)
{
	struct stat now;
	if (!t->part)
		return VERDICT_WHOLE;
	int fd = folder_open(&v->folder, t->part, REACH_ANY, NULL);
	if (fd == -ENOENT)
		return VERDICT_GONE;
	bool same = fd >= 0 && fstat(fd, &now) == 0 && source_same(&t->list, &now);
	if (fd >= 0)
		close(fd);
	return same ? VERDICT_WHOLE : VERDICT_AGAIN;
}

static void in_doubt(const struct verify *v, struct task *t)
{
	t->verdict = v->second ? VERDICT_TROUBLE : VERDICT_AGAIN;
	t->why.text[0] = '\0';
	error_set(&t->why, EIO, "changed while it was read");
}

/* It does not match: `st` is the file's; NULL: it is missing, as in a folder that is being removed. */
static void fault(const struct verify *v, struct task *t, const struct stat *st)
{
	enum verdict list = list_now(v, t);
	t->verdict = VERDICT_FAULT;
	if (list == VERDICT_GONE)
		t->verdict = VERDICT_GONE;
	else if (list == VERDICT_AGAIN || (st && verify_is_restless(v, st)) || (t->part && verify_is_restless(v, &t->list)))
		in_doubt(v, t);
	else if (!v->second && (!st || verify_is_young(st) || (t->part && verify_is_young(&t->list))))
		t->verdict = VERDICT_AGAIN;
}

static void hex(const uint8_t sha256[SHA256_BYTES], char ret[2 * SHA256_BYTES + 1])
{
	for (int i = 0; i < SHA256_BYTES; i++)
		snprintf(ret + 2 * i, 3, "%02x", sha256[i]);
}

static void mismatch(struct task *t, const uint8_t found[SHA256_BYTES])
{
	char is[2 * SHA256_BYTES + 1], wanted[2 * SHA256_BYTES + 1];
	const char *slash = t->part ? strrchr(t->part, '/') : NULL;
	hex(found, is);
	hex(t->sha256, wanted);
	if (t->part)
		error_set(&t->why, EBADMSG, "its SHA-256 is %s, not %s as in %s", is, wanted, slash ? slash + 1 : t->part);
	else
		error_set(&t->why, EBADMSG, "its SHA-256 is %s, not what its blob is called", is);
}

static void hash(struct verify *v, struct task *t, int fd)
{
	uint8_t found[SHA256_BYTES];
	struct stat before, after;
	if (fstat(fd, &before) < 0)
		memset(&before, 0, sizeof before);
	will_hash(v, &before);
	int r = sha256_file(fd, found, verify_progress, v, &t->why);
	if (fstat(fd, &after) < 0 || !source_same(&before, &after)) {
		in_doubt(v, t);
	} else if (r < 0) {
		error_set(&t->why, -r, "%s", strerror(-r));
		t->verdict = verify_is_trouble(r) ? VERDICT_TROUBLE : VERDICT_FAULT;
	} else if (memcmp(found, t->sha256, SHA256_BYTES) != 0) {
		mismatch(t, found);
		fault(v, t, &after);
	}
}

void verify_file(struct verify *v, struct task *t)
{
	int fd = folder_open(&v->folder, t->path, REACH_ANY, &t->why);
	if (fd >= 0) {
		hash(v, t, fd);
		close(fd);
	} else if (verify_is_trouble(fd)) {
		t->verdict = VERDICT_TROUBLE;
	} else {
		if (fd == -ENOENT || fd == -ENOTDIR) {
			const char *slash = t->part ? strrchr(t->part, '/') : NULL;
			t->why.text[0] = '\0';
			error_set(&t->why, ENOENT, "is missing, though %s names it", slash ? slash + 1 : t->part ? t->part : "its folder");
		}
		fault(v, t, NULL);
	}
}

/* --- blobs of a model hub's cache ------------------------------------------------------ */

static char *join(const char *folder, struct slice name)
{
	char *path;
	if (name.len > INT_MAX || asprintf(&path, "%s%s%.*s", folder, *folder ? "/" : "", (int)name.len, name.data) < 0)
		return NULL;
	return path;
}

static void count_file(struct verify *v, const char *path)
{
	struct stat st;
	int fd = path ? folder_open(&v->folder, path, REACH_ANY, NULL) : -1;
	if (fd >= 0 && fstat(fd, &st) == 0) {
		v->total += (uint64_t)st.st_size;
		will_hash(v, &st);
	}
	if (fd >= 0)
		close(fd);
}

/* Does the path end with blobs/HEX? */
static bool is_blob(const char *path, uint8_t ret[SHA256_BYTES])
{
	static const char folder[] = "blobs";
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0, k = sizeof folder - 1;
	return n >= k && memcmp(slash - k, folder, k) == 0 && (n == k || slash[-(int)k - 1] == '/') && digest_hex(slice_text(slash + 1), ret);
}

void verify_blob(struct verify *v, const char *path, const struct mirror_ref *ref)
{
	struct task t = {.kind = TASK_FILE, .what = "file"};
	char target[PATH_MAX], *whole = NULL;
	ssize_t n = readlinkat(v->folder.dir, path, target, sizeof target - 1);
	target[n > 0 ? n : 0] = '\0';
	bool link = n > 0 && mirror_readlink(v->opened.mirror, ref, (char[PATH_MAX]){0}, NULL) == 0; /* it is not followed */
	if (n <= 0 && asprintf(&whole, "%s/%s", v->real ? v->real : "", path) < 0)
		whole = NULL;
	bool is = !link && is_blob(whole ? whole : target, t.sha256);
	free(whole);
	if (!is)
		return;
	if (v->counting) {
		count_file(v, path);
		return;
	}
	t.path = strdup(path);
	verify_add(v, &t);
}

bool verify_is_blob(const struct verify *v, const char *path)
{
	char *whole, *name, *folder;
	if (asprintf(&whole, "%s/%s", v->real ? v->real : "", path) < 0)
		return false;
	name = strrchr(whole, '/');
	*name++ = '\0';
	folder = strrchr(whole, '/');
	size_t n = strspn(name, "0123456789abcdef");
	bool is = folder && strcmp(folder, "/blobs") == 0 && !name[n] && (n == 40 || n == 2 * SHA256_BYTES);
	free(whole);
	return is;
}

bool verify_leads_out(const struct verify *v, const char *path)
{
	int fd = folder_open(&v->folder, path, REACH_ANY, NULL);
	if (fd >= 0)
		close(fd);
	return fd == -EXDEV;
}

/* --- lists ------------------------------------------------------------------------------ */

struct listed {
	struct verify *v;
	const char *folder, *only;
	char *list; /* its path */
	struct stat st;
};

/* Is that not a path of a file below the folder? */
static bool leaves(struct slice name)
{
	if (name.len == 0 || name.data[0] == '/' || memchr(name.data, 0, name.len))
		return true;
	for (size_t at = 0, n; at <= name.len; at += n + 1) {
		const uint8_t *slash = memchr(name.data + at, '/', name.len - at);
		n = slash ? (size_t)(slash - name.data) - at : name.len - at;
		if (n == 2 && memcmp(name.data + at, "..", 2) == 0)
			return true;
	}
	return false;
}

static int add_listed(void *arg, struct slice name, const uint8_t sha256[SHA256_BYTES])
{
	struct listed *l = arg;
	struct task t = {.kind = TASK_FILE, .what = "file", .list = l->st};
	struct error why = {0};
	while (name.len > 2 && memcmp(name.data, "./", 2) == 0)
		name = (struct slice){name.data + 2, name.len - 2};
	if (leaves(name)) {
		error_set(&why, EBADMSG, "names %.*s, which is no file below its folder", name.len < 150 ? (int)name.len : 150, name.data);
		if (!l->only && !l->v->counting)
			verify_add_told(l->v, "list", l->list, VERDICT_FAULT, why.text);
		return 0;
	}
	t.path = join(l->folder, name);
	if (l->v->counting || (l->only && (!t.path || strcmp(t.path, l->only) != 0))) {
		if (l->v->counting)
			count_file(l->v, t.path);
		free(t.path);
		return 0;
	}
	memcpy(t.sha256, sha256, SHA256_BYTES);
	t.part = strdup(l->list);
	if (!t.part) {
		free(t.path);
		t.path = NULL;
	}
	verify_add(l->v, &t);
	return 0;
}

/* Reads all of it; *ret is the caller's. */
static int load(int fd, struct stat *st, struct slice *ret, struct error *err)
{
	enum { MOST = 32 << 20 };
	if (fstat(fd, st) < 0)
		return error_set(err, errno, "%s", strerror(errno));
	if (st->st_size > MOST)
		return error_set(err, ENOTSUP, "a list of %jd bytes, over the limit of %d", (intmax_t)st->st_size, MOST);
	size_t room = (size_t)st->st_size, done = 0;
	uint8_t *bytes = malloc(room + 1);
	ssize_t n = 1;
	while (bytes && done < room && (n = pread(fd, bytes + done, room - done, (off_t)done)) > 0)
		done += (size_t)n;
	*ret = (struct slice){bytes, done};
	return !bytes ? error_no_memory(err, "it") : n < 0 ? error_set(err, errno, "%s", strerror(errno)) : 0;
}

static int ignore(void *arg, struct slice name, const uint8_t sha256[SHA256_BYTES])
{
	(void)arg, (void)name, (void)sha256;
	return 0;
}

/* A list that may be unfinished is not used yet. */
static void read_list(struct verify *v, const struct digest_list *kind, int fd, struct listed *l)
{
	struct arena arena = {.limit = 64 << 20};
	struct slice text = {0};
	struct error err = {0};
	int r = load(fd, &l->st, &text, &err);
	bool loaded = r == 0, young = false;
	if (loaded)
		r = kind->read(text, &arena, ignore, NULL, &err);
	if (r < 0 && !v->counting && !l->only) {
		young = !verify_is_trouble(r) && !v->second && verify_is_young(&l->st);
		verify_add_told(v, "list", l->list, young ? VERDICT_AGAIN : verify_is_trouble(r) ? VERDICT_TROUBLE : VERDICT_FAULT, err.text);
	}
	if (loaded && !young)
		kind->read(text, &arena, add_listed, l, NULL);
	arena_free(&arena);
	free((void *)(uintptr_t)text.data);
}

void verify_lists(struct verify *v, const char *folder, const char *list, const char *only)
{
	for (const struct digest_list *kind = digest_lists; kind->file; kind++) {
		struct error err = {0};
		struct listed l = {.v = v, .folder = folder, .only = only, .list = join(folder, slice_text(kind->file))};
		int fd = !l.list ? -ENOMEM : list && strcmp(list, l.list) != 0 ? -ENOENT : folder_open(&v->folder, l.list, REACH_ANY, &err);
		if (fd >= 0) {
			read_list(v, kind, fd, &l);
			close(fd);
		} else if (verify_is_trouble(fd) && !v->counting) {
			verify_add_told(v, "list", l.list ? l.list : folder, VERDICT_TROUBLE, err.text[0] ? err.text : strerror(-fd));
		}
		free(l.list);
	}
}
