/* SPDX-License-Identifier: MIT */
#include "mount/daemon/passthrough.h"

#include <errno.h>
#include <linux/fuse.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "mount/daemon/keeper.h"

/* Of linux/fuse.h 7.40, which may be older here: a flag of FUSE_INIT in its second word, the depth
 * of file systems on top of each other, after that word, and flags of FUSE_OPEN. With a depth of
 * 1, the backing file may not lie on an overlay, but ours may be below one. */
enum { INIT_PASSTHROUGH = 1 << 5, DEPTH = 1, OPEN_NOFLUSH = 1 << 5, OPEN_PASSTHROUGH = 1 << 7 };
enum { IN_FLAGS = 12, IN_FLAGS2 = 16, OUT_FLAGS = 12, OUT_FLAGS2 = 32, OUT_DEPTH = 36 };
static const uint32_t init_ext = 1u << 30;

/* An inode that is open. */
struct backing {
	struct backing *next;
	uint64_t ino;
	unsigned opens;
	int32_t number; /* 0: it is read through us */
};

void passthrough_init(struct passthrough *p)
{
	pthread_mutex_init(&p->lock, NULL);
}

void passthrough_close(struct passthrough *p)
{
	while (p->backings) {
		struct backing *next = p->backings->next;
		free(p->backings);
		p->backings = next;
	}
	pthread_mutex_destroy(&p->lock);
}

static uint32_t word_at(const void *bytes, size_t at)
{
	uint32_t word;
	memcpy(&word, (const char *)bytes + at, sizeof word);
	return word;
}

static void put_word(void *bytes, size_t at, uint32_t word)
{
	memcpy((char *)bytes + at, &word, sizeof word);
}

void passthrough_look(struct passthrough *p, const void *request, size_t len)
{
	struct fuse_in_header head;
	if (!p->keeper || len < sizeof head + IN_FLAGS2 + sizeof(uint32_t))
		return;
	memcpy(&head, request, sizeof head);
	const char *init = (const char *)request + sizeof head;
	p->offered = head.opcode == FUSE_INIT && word_at(init, IN_FLAGS) & init_ext && word_at(init, IN_FLAGS2) & INIT_PASSTHROUGH;
}

void passthrough_accept(struct passthrough *p, void *reply, size_t len)
{
	if (!p->offered || len < OUT_DEPTH + sizeof(uint32_t))
		return;
	bool extended = word_at(reply, OUT_FLAGS) & init_ext;
	put_word(reply, OUT_FLAGS, word_at(reply, OUT_FLAGS) | init_ext);
	put_word(reply, OUT_FLAGS2, (extended ? word_at(reply, OUT_FLAGS2) : 0) | INIT_PASSTHROUGH);
	put_word(reply, OUT_DEPTH, DEPTH);
	atomic_store(&p->works, true);
}

static struct backing **find(struct passthrough *p, uint64_t ino)
{
	struct backing **at = &p->backings;
	while (*at && (*at)->ino != ino)
		at = &(*at)->next;
	return at;
}

/* It is refused for good where we lack the privilege, as root of a container does. */
static int32_t back(struct passthrough *p, int fd)
{
	int number = fd < 0 || !atomic_load(&p->works) ? 0 : keeper_back(p->keeper, p->device, fd);
	if (number == -EPERM || number == -EPIPE)
		atomic_store(&p->works, false);
	return number > 0 ? number : 0;
}

int32_t passthrough_begin(struct passthrough *p, uint64_t ino, int fd)
{
	pthread_mutex_lock(&p->lock);
	struct backing **at = find(p, ino), *b = *at;
	if (!b && (b = calloc(1, sizeof *b))) {
		*b = (struct backing){.next = p->backings, .ino = ino, .number = back(p, fd)};
		p->backings = b;
	}
	if (b)
		b->opens++;
	else
		atomic_store(&p->works, false); /* nothing keeps others from opening it in another way */
	int32_t number = b ? b->number : 0;
	pthread_mutex_unlock(&p->lock);
	return number;
}

void passthrough_end(struct passthrough *p, uint64_t ino)
{
	pthread_mutex_lock(&p->lock);
	struct backing **at = find(p, ino), *b = *at;
	if (b && --b->opens == 0) {
		*at = b->next;
		if (b->number)
			keeper_unback(p->keeper, p->device, b->number);
		free(b);
	}
	pthread_mutex_unlock(&p->lock);
}

struct passthrough_opened passthrough_reply(uint64_t handle, int32_t backing)
{
	return (struct passthrough_opened){handle, OPEN_PASSTHROUGH | OPEN_NOFLUSH, backing};
}
