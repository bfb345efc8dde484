/* SPDX-License-Identifier: MIT */
#include "mount/commands/info.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "fs/mirror/open_archives.h"
#include "mount/commands/commands.h"
#include "mount/commands/near.h"
#include "mount/commands/walk.h"
#include "mount/log.h"

static bool is_directory(struct mirror *m, const struct mirror_ref *ref)
{
	struct stat st;
	return mirror_stat(m, ref, -1, &st, &(struct error){0}) == 0 && S_ISDIR(st.st_mode);
}

/* Is it one array, even if shown as a directory, or any other file? */
static bool is_one(struct mirror *m, const struct mirror_ref *ref)
{
	if (ref->node && ino_index(ref->ino) != TREE_ROOT && ref->node->array && ref->node->array->dtype != DTYPE_NONE)
		return true;
	return !is_directory(m, ref);
}

static int write_json(const struct info *i, struct text *t)
{
	if (t->failed)
		log_say("%s: %s", i->source, t->failed == -ENOMEM ? "no memory" : strerror(-t->failed));
	else
		fwrite(t->bytes, 1, t->len, stdout);
	return t->failed;
}

/* Reports everything at and below PATH. */
static bool tell_all(struct info *i, const struct mirror_ref *top, bool json)
{
	struct text columns = {0}, text = {0};
	i->columns = json ? &columns : NULL;
	i->archive = top->open && !ino_view(top->ino) ? &top->open->archive : NULL;
	i->below = i->archive && ino_index(top->ino) != TREE_ROOT;
	i->table = i->archive && info_is_table(i->archive);
	info_collect(i);
	int r = json ? info_json(i, top, &text) : 0;
	bool fine = json ? r == 0 && write_json(i, &text) == 0 : info_page(i, top);
	text_free(&columns);
	text_free(&text);
	return fine;
}

/* Finds PATH, following links; if it is one, i->path becomes its target, in `ret_path`. */
static int find(struct info *i, struct mirror_ref *ret, char ret_path[PATH_MAX], struct error *err)
{
	struct mirror_ref named;
	int r = walk_resolve(i->m, i->path, false, &named, err);
	if (r == -ENOENT)
		near_path(i->m, i->path, err);
	if (r < 0)
		return r;
	if (mirror_readlink(i->m, &named, ret_path, &(struct error){0}) == -EINVAL) {
		*ret = named;
		return 0;
	}
	mirror_put(i->m, &named);
	r = walk_resolve(i->m, i->path, true, ret, err);
	if (r == 0) {
		mirror_path(i->m, ret, ret_path, PATH_MAX);
		i->path = strcmp(ret_path, ".") == 0 ? "" : ret_path;
	}
	return r;
}

static bool tell(struct info *i, bool json)
{
	char path[PATH_MAX];
	struct mirror_ref ref;
	struct error err = {0};
	struct text text = {0};
	bool fine;
	if (find(i, &ref, path, &err) < 0) {
		log_say("%s: %s: %s", i->source, i->path, err.text);
		return false;
	}
	if (is_one(i->m, &ref))
		fine = info_array(i, &ref, json ? &text : NULL) && (!json || write_json(i, &text) == 0);
	else
		fine = tell_all(i, &ref, json);
	text_free(&text);
	mirror_put(i->m, &ref);
	return fine;
}

int info_run(const struct options *o)
{
	struct opened opened;
	int r = source_command_open(&opened, o);
	if (r)
		return r;
	struct info i = {.source = o->source, .path = *o->paths ? *o->paths : "", .m = opened.mirror};
	bool fine = tell(&i, o->list_json) && !i.failed;
	if (fflush(stdout) != 0 || ferror(stdout)) {
		log_say("standard output: %s", strerror(errno));
		fine = false;
	}
	info_free(&i);
	source_command_close(&opened);
	return !fine;
}
