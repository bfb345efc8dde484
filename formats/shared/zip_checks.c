/* SPDX-License-Identifier: MIT */
#include "formats/shared/zip.h"
#include "fs/archive/check.h"

int zip_checks(struct archive *a, struct arena *keep, struct check **ret, uint32_t *ret_count, struct error *err)
{
	struct arena scratch = arena_apart(keep);
	struct zip zip;
	int r = zip_read(&a->source, keep, &scratch, &zip, err);
	struct check *checks = r == 0 ? arena_array(keep, zip.count + 1u, sizeof *checks) : NULL;
	uint32_t n = 0;
	arena_free(&scratch);
	if (r == 0 && !checks)
		r = error_no_memory(err, "the checksums of its members");
	for (uint32_t i = 0; r == 0 && i < zip.count; i++) {
		const struct zip_member *m = &zip.members[i];
		if (!m->fault)
			checks[n++] = (struct check){.name = m->name, .offset = m->data, .len = m->packed, .codec = m->codec,
						     .size = m->size, .crc32 = m->crc};
	}
	*ret = checks;
	*ret_count = n;
	return r;
}
