/* SPDX-License-Identifier: MIT */
/*
 * The daemon's figures, state and log. They are snapshots taken at open, and stat() shows a size
 * of 0. Where the kernel opens files without asking us, it does not read a file beyond its known
 * size; but before a read there it requests the attributes, with the open file set, as it does
 * for nothing else. That is when the snapshot is taken, and its size returned.
 */
#include <inttypes.h>
#include <time.h>
#include <unistd.h>

#include "mount/daemon/ops_impl.h"
#include "mount/log.h"
#include "mount/version.h"

/* --- contents --------------------------------------------------------------- */

static double uptime(const struct mount *m)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (double)(now.tv_sec - m->began.tv_sec) + (double)(now.tv_nsec - m->began.tv_nsec) / 1e9;
}

static void put_string(struct text *t, const char *name, const char *value)
{
	text_print(t, ",\"%s\":", name);
	text_json(t, slice_text(value));
}

/* What `arrayfs status` shows. */
static void put_status(struct mount *m, struct text *t)
{
	char since[32], where[PATH_MAX];
	struct tm utc;
	strftime(since, sizeof since, "%FT%TZ", gmtime_r(&m->since, &utc));
	log_where(where);
	text_print(t, "{\"pid\":%d,\"version\":\"" VERSION "\",\"user\":%u", (int)getpid(), geteuid());
	put_string(t, "source", m->real ? m->real : m->source);
	put_string(t, "options", m->options);
	text_print(t, ",\"since\":\"%s\",\"uptime\":%.3f,\"failed_reads\":%" PRIu64, since, uptime(m), mirror_failed_reads(m->mirror));
	put_string(t, "log", where);
	text_add(t, ",\"stats\":");
	mirror_stats(m->mirror, t); /* an object on a line */
	if (!t->failed)
		t->len--;
	text_add(t, "}\n");
}

static void put_metrics(struct mount *m, struct text *t)
{
	mirror_metrics(m->mirror, t);
	text_print(t, "# HELP arrayfs_start_time_seconds When the mount began, since 1970.\n# TYPE arrayfs_start_time_seconds gauge\n"
		      "arrayfs_start_time_seconds %" PRId64 "\n", (int64_t)m->since);
	text_add(t, "# HELP arrayfs_build_info The program's version.\n# TYPE arrayfs_build_info gauge\n"
		    "arrayfs_build_info{version=\"" VERSION "\"} 1\n");
}

void live_put(struct mount *m, uint64_t ino, struct text *ret)
{
	if (ino == LOG_INO)
		log_put(ret);
	else if (ino == METRICS_INO)
		put_metrics(m, ret);
	else if (ino == STATUS_INO)
		put_status(m, ret);
	else
		mirror_stats(m->mirror, ret);
}

/* --- snapshots -------------------------------------------------------------- */

/* Of those who do not open it. */
static struct text *unopened(struct mount *m, uint64_t ino)
{
	return &m->live[ino - STATS_INO];
}

void live_size(struct mount *m, uint64_t ino, struct stat *st)
{
	struct text *t = unopened(m, ino);
	pthread_mutex_lock(&m->lock);
	text_free(t);
	live_put(m, ino, t);
	st->st_size = (off_t)t->len;
	pthread_mutex_unlock(&m->lock);
}

static void reply_text(fuse_req_t req, const struct text *t, size_t size, off_t offset)
{
	size_t at = offset < 0 || (size_t)offset > t->len ? t->len : (size_t)offset;
	fuse_reply_buf(req, t->bytes + at, size < t->len - at ? size : t->len - at);
}

void live_reply(fuse_req_t req, uint64_t ino, struct handle *h, size_t size, off_t offset)
{
	struct mount *m = mount_of(req);
	if (h) {
		reply_text(req, &h->live, size, offset);
		return;
	}
	pthread_mutex_lock(&m->lock);
	reply_text(req, unopened(m, ino), size, offset);
	pthread_mutex_unlock(&m->lock);
}
