/* SPDX-License-Identifier: MIT */
/* Changes of modes and owners in the source: noticed by the next access to the archive, and
 * passed on to the kernel, which may have the old ones. */
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "fs/mirror/impl.h"

/* Interval between two stats of an archive's files. The kernel caches the attributes of the
 * path to them for half a second longer, and the total must stay below a second. */
enum { LOOK_MS = 300 };

static uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* --- in mirrored directories ---------------------------------------------- */

int mirror_followed(int dir, const char *name, struct stat *ret)
{
	int fd = openat(dir, name, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = mirror_fstat(fd, true, ret);
	close(fd);
	return r;
}

int mirror_fstat(int fd, bool followed, struct stat *ret)
{
	struct access who;
	int r = access_fstat(fd, ret);
	if (r < 0 || !followed)
		return r;
	if (access_outside(fd, ret, &who) < 0) /* the path to it is unknown */
		who.mode &= 0700;
	ret->st_mode = (ret->st_mode & ~(mode_t)0777) | who.mode;
	return 0;
}

/* --- in archives ------------------------------------------------------------ */

void mirror_on_change(struct mirror *m, mirror_changed *each, void *arg)
{
	m->changed = each;
	m->changed_arg = arg;
}

/* Reports every inode of the archive that may be cached. */
static void tell(struct mirror *m, const struct mirror_ref *ref, struct open_archive *h)
{
	bool viewed = atomic_load(&m->viewed);
	uint32_t count = atomic_load(&h->archive.tree.count);
	for (enum view_id v = VIEW_NONE; v < (viewed ? VIEW_IDS : 1); v++)
		for (uint32_t i = TREE_ROOT; i < count && (v == VIEW_NONE || (views[v].suffix && !views[v].original)); i++)
			m->changed(m->changed_arg, ino_of(ref->ino, v, i));
	for (uint32_t i = TOP_DIR; viewed && i <= TOP_ARCHIVE; i++)
		m->changed(m->changed_arg, ino_of(ref->ino, VIEW_TOP, i));
}

static void look_again(struct mirror *m, const struct mirror_ref *ref, struct open_archive *h)
{
	bool accessed = archive_restat(&h->archive), named = mirror_names_changed(m, h);
	if (accessed || named)
		h->tell = true;
	if (!h->tell && !h->tell_again)
		return;
	if (h->tell)
		h->changes++;
	/* A reply under way may still carry the old values, so the change is reported twice. */
	h->tell_again = h->tell;
	h->tell = false;
	if (m->changed)
		tell(m, ref, h);
}

bool mirror_watch(struct mirror *m, const struct mirror_ref *ref)
{
	/* For a single archive, the modes of its files are reported, too. */
	struct open_archive *h = ino_view(ref->ino) == VIEW_ORIGINAL ? m->root->open : ref->open;
	if (!h || now_ms() - atomic_load(&h->looked) < LOOK_MS)
		return false;
	unsigned then = atomic_load(&h->changes);
	pthread_mutex_lock(&h->watching);
	uint64_t now = now_ms();
	if (now - atomic_load(&h->looked) >= LOOK_MS) {
		look_again(m, ref, h);
		atomic_store(&h->looked, now);
	}
	pthread_mutex_unlock(&h->watching);
	return atomic_load(&h->changes) != then;
}

unsigned mirror_resized(const struct mirror_ref *ref)
{
	return ref->open ? atomic_load(&ref->open->archive.resized) : 0;
}

void mirror_watch_sizes(struct mirror *m, const struct mirror_ref *ref)
{
	unsigned now = mirror_resized(ref);
	if (now > 0 && atomic_exchange(&ref->open->resized, now) != now && m->changed)
		tell(m, ref, ref->open);
}

void mirror_watch_begin(struct open_archive *h)
{
	pthread_mutex_init(&h->watching, NULL);
	atomic_store(&h->looked, h->tell ? 0 : now_ms());
}
