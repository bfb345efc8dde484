#include "formats/arrow/arrow.h"
int arrow_size(struct archive *a, const struct node *n, uint64_t *ret, struct error *err)
{
	(void)a, (void)n, (void)ret;
	return error_set(err, EIO, "stub");
}
int arrow_read(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	(void)a, (void)n, (void)ret, (void)offset, (void)len;
	return error_set(err, EIO, "stub");
}
