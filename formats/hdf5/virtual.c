/* SPDX-License-Identifier: MIT */
/* Virtual datasets (the "Virtual" storage layout): listed, and not read. */
#include "formats/hdf5/hdf5.h"

int h5_virtual(const struct h5_file *f, struct arena *s, uint64_t address, uint32_t index, const struct h5_type *t,
	       struct h5_store *ret, struct error *err)
{
	(void)f, (void)s, (void)address, (void)index, (void)t, (void)ret;
	return error_set(err, ENOTSUP, "a virtual dataset, put together from others");
}

int h5_virtual_read(const struct h5_store *s, struct block *within, uint64_t offset, uint64_t len, uint8_t *out,
		    struct error *err)
{
	(void)s, (void)within, (void)offset, (void)len, (void)out;
	return error_set(err, ENOTSUP, "a virtual dataset, put together from others");
}
