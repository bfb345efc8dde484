/* SPDX-License-Identifier: MIT */
/* "FileMetaData.created_by": APPLICATION version MAJOR.MINOR.PATCH…, from which other
 * readers, too, infer a file's known defects. */
#include <stdio.h>

#include "formats/parquet/parquet.h"

struct version {
	bool told;
	unsigned major, minor, patch;
};

/* Was the file written by that application, and by which version? */
static bool is_by(struct slice created_by, const char *application, struct version *ret)
{
	char text[40];
	size_t n = strlen(application);

	*ret = (struct version){.told = false};
	if (created_by.len < n || memcmp(created_by.data, application, n) != 0 || (created_by.len > n && created_by.data[n] != ' '))
		return false;
	size_t rest = created_by.len - n < sizeof text - 1 ? created_by.len - n : sizeof text - 1;
	memcpy(text, created_by.data + n, rest);
	text[rest] = '\0';
	ret->told = sscanf(text, " version %u.%u.%u", &ret->major, &ret->minor, &ret->patch) == 3;
	return true;
}

static bool is_before(const struct version *v, unsigned major, unsigned minor, unsigned patch)
{
	if (!v->told) /* the oldest versions do not say */
		return true;
	if (v->major != major)
		return v->major < major;
	return v->minor != minor ? v->minor < minor : v->patch < patch;
}

uint8_t pq_created_by_traits(struct slice created_by)
{
	struct version v;
	if (is_by(created_by, "parquet-mr", &v)) /* PARQUET-816 */
		return WRITER_KNOWS_SIZES | (is_before(&v, 1, 2, 9) ? WRITER_SHORT_CHUNKS : 0);
	if (is_by(created_by, "parquet-cpp", &v)) /* ARROW-10353: what became Arrow's 3.0 */
		return is_before(&v, 2, 0, 0) ? WRITER_COMPRESSES_ALWAYS : 0;
	if (is_by(created_by, "parquet-cpp-arrow", &v) || is_by(created_by, "parquet-rs", &v) ||
	    is_by(created_by, "datafusion", &v) || is_by(created_by, "delta-rs", &v)) /* use parquet-rs */
		return WRITER_KNOWS_SIZES;
	/* Only of categorical columns, from 0.13 to 0.20; but no version is stored. */
	if (is_by(created_by, "Arrow2", &v) || is_by(created_by, "Polars", &v))
		return WRITER_MISCOUNTS_NULLS;
	return 0;
}
