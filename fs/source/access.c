/* SPDX-License-Identifier: MIT */
#include "fs/source/access.h"

#include <unistd.h>

/* The shift of each class's bits in the mode. */
enum class { OTHER = 0, GROUP = 3, OWNER = 6 };

static bool grants(struct access a, enum class class, enum access_to to)
{
	return a.mode & (mode_t)to << class;
}

/* Does everyone in that class of a certainly have the permission on b? */
static bool all_have(struct access a, enum class class, struct access b, enum access_to to)
{
	if (class == OWNER)
		return a.uid == b.uid ? grants(b, OWNER, to) : grants(b, GROUP, to) && grants(b, OTHER, to);
	if (a.uid != b.uid && !grants(b, OWNER, to))
		return false;
	if (class == GROUP)
		return grants(b, GROUP, to) && (a.gid == b.gid || grants(b, OTHER, to));
	return (a.gid == b.gid || grants(b, GROUP, to)) && grants(b, OTHER, to);
}

struct access access_within(struct access a, struct access b, enum access_to to)
{
	static const enum class all[] = {OTHER, GROUP, OWNER};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (!all_have(a, all[i], b, to))
			a.mode &= ~((mode_t)07 << all[i]);
	return a;
}

struct access access_through(struct access a, struct access folder, uid_t self)
{
	struct access left = access_within(a, folder, ACCESS_SEARCH);
	if (a.uid == self)
		left.mode |= a.mode & 0700;
	return left;
}

/* --- of several files ---------------------------------------------------- */

struct access_self access_self(void)
{
	struct access_self s = {.uid = geteuid(), .gid = getegid()};
	s.ngroups = getgroups(sizeof s.groups / sizeof *s.groups, s.groups);
	return s;
}

static bool may_read(const struct access_self *self, struct access a)
{
	if (self->uid == 0 || self->uid == a.uid)
		return self->uid == 0 || grants(a, OWNER, ACCESS_READ);
	bool member = self->gid == a.gid;
	for (int i = 0; i < self->ngroups; i++)
		member |= self->groups[i] == a.gid;
	if (!member && self->ngroups < 0)
		return grants(a, GROUP, ACCESS_READ) && grants(a, OTHER, ACCESS_READ);
	return grants(a, member ? GROUP : OTHER, ACCESS_READ);
}

static bool by_all(struct access a)
{
	return (a.mode & 0444) == 0444;
}

struct access access_join(struct access a, struct access b, const struct access_self *self)
{
	if (a.uid == b.uid) { /* if the groups differ: the one that keeps more */
		struct access x = access_within(a, b, ACCESS_READ), y = access_within(b, a, ACCESS_READ);
		return y.mode & 0444 & ~x.mode ? y : x;
	}
	mode_t mode = by_all(a) && by_all(b) ? 0444 : may_read(self, a) && may_read(self, b) ? 0400 : 0;
	return (struct access){self->uid, self->gid, mode};
}
