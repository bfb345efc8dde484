/* SPDX-License-Identifier: MIT */
/*
 * File types that are recognised but not read: each is refused by name, with advice if
 * there is any.  In a mirrored directory they are passed through unchanged.
 *
 * The signatures are from the formats' own specifications.
 */
#include "fs/archive/archive.h"

#define MAGIC(bytes) bytes, sizeof bytes - 1

struct known {
	uint16_t at;
	const char *magic;
	uint8_t len;
	const char *what, *next;
};

static const struct known known[] = {
	{0, MAGIC("version https://git-lfs.github.com/spec/v1\n"), "a pointer of Git LFS in place of the file",
	 "`git lfs pull` fetches it"},
	{0, MAGIC("CDF\001"), "a netCDF-3 file", "`nccopy -k nc4 OLD NEW` makes it HDF5"},
	{0, MAGIC("CDF\002"), "a netCDF-3 file of 64-bit offsets", "`nccopy -k nc4 OLD NEW` makes it HDF5"},
	{0, MAGIC("CDF\005"), "a netCDF-3 file of 64-bit data", "`nccopy -k nc4 OLD NEW` makes it HDF5"},
	{0, MAGIC("\x0e\x03\x13\x01"), "an HDF4 file", "`h4toh5 OLD NEW` makes it HDF5"},
	{0, MAGIC("MATLAB 5.0 MAT-file"), "a MATLAB file of version 5 to 7", "`save -v7.3` makes it HDF5"},
	{0, MAGIC("ORC"), "an ORC file", NULL},
	{0, MAGIC("Obj\001"), "an Avro file", NULL},
	{0, MAGIC("FEA1"), "a Feather file of version 1", NULL},
	{257, MAGIC("ustar"), "a tar file", "extract it first (`tar -xf`)"},
	{0, MAGIC("\x1f\x8b\x08"), "a gzip file", "decompress it first (`gzip -d`)"},
	{0, MAGIC("\x28\xb5\x2f\xfd"), "a Zstandard file", "decompress it first (`zstd -d`)"},
	{0, MAGIC("\xfd" "7zXZ\0"), "an xz file", "decompress it first (`xz -d`)"},
	{4, MAGIC("1AY&SY"), "a bzip2 file", "decompress it first (`bzip2 -d`)"},
	{0, MAGIC("7z\xbc\xaf\x27\x1c"), "a 7-Zip file", "extract it first"},
	{0, MAGIC("SQLite format 3\0"), "an SQLite database", NULL},
	{8, MAGIC("DUCK"), "a DuckDB database", NULL},
	{0, MAGIC("SIMPLE  =                    T"), "a FITS file", NULL},
	{0, MAGIC("II*\0"), "a TIFF file", NULL},
	{0, MAGIC("MM\0*"), "a TIFF file", NULL},
	{0, MAGIC("\x89PNG\r\n\x1a\n"), "a PNG picture", NULL},
	{0, MAGIC("%PDF-"), "a PDF document", NULL},
	{0, MAGIC("GIF8"), "a GIF picture", NULL},
	{0, MAGIC("\xff\xd8\xff"), "a JPEG picture", NULL},
	{0, MAGIC("\x7f" "ELF"), "a program or library (ELF)", NULL},
};

/* A text file that happens to begin with a signature is a text file; but some of these formats
 * are text, too. */
static const struct known *find(struct cursor head)
{
	enum { LONG = 20 }; /* no text begins with that by chance */
	bool text = archive_is_text((struct slice){head.pos, cursor_left(&head)});
	for (const struct known *k = known; k < known + sizeof known / sizeof *known; k++) {
		struct cursor c = head;
		cursor_skip(&c, k->at);
		if (cursor_match(&c, k->magic, k->len) && (!text || k->len >= LONG))
			return k;
	}
	return NULL;
}

static bool known_probe(const struct peek *p)
{
	return find(p->head) != NULL;
}

static int known_open(struct archive *a, struct error *err)
{
	struct peek p;
	int r = peek(&p, &a->source, err);
	const struct known *k = r < 0 ? NULL : find(p.head);
	if (r < 0)
		return r;
	if (!k) /* it has changed since the probe */
		return -ENOTSUP;
	/* In a directory, text files are ordinary files, whatever their name. */
	if (a->mirrored && archive_is_text((struct slice){p.head.pos, cursor_left(&p.head)}))
		return -ENOTSUP;
	return error_set(err, ENOTSUP, "%s, which arrayfs does not read%s%s", k->what, k->next ? ": " : "", k->next ? k->next : "");
}

const struct format format_known = {
	.name = "known",
	.probe = known_probe,
	.open = known_open,
};
