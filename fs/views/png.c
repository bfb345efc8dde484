/* SPDX-License-Identifier: MIT */
/*
 * Blocks: the cells, in bands of some rows, which the reader of the picture has made first, one by
 * one, so that all processors do it, and it stops once the reader has gone; and the file.
 */
#include "fs/views/png.h"

#include <inttypes.h>
#include <stdio.h>

#include "fs/views/f32.h"
#include "fs/views/picture.h"

enum kind { KIND_BAND, KIND_FILE, KINDS };
enum { KIND_FIRST = 100 }; /* formats may have blocks of the same owner */

/* --- what is drawn ------------------------------------------------------------------------------- */

bool view_png_exists(const struct array *a)
{
	struct picture_layout l;
	struct shaped shown = {.array = *a};
	if (!picture_is_numeric(a) || a->rank > SHAPE_MAX)
		return false;
	if (a->unshaped) /* whether there are elements is not known */
		return a->sized && a->rank >= 1 && a->rank < SHAPE_MAX;
	if (widen_exists(a))
		view_f32_array(a, &shown);
	return picture_layout(&l, shown.array.shape, a->rank, a->fortran, picture_bits(a), a->codec);
}

static int find(struct archive *a, struct node *n, struct picture_layout *ret, uint64_t *ret_count, struct error *err)
{
	struct shaped s;
	if (n->array->rank > SHAPE_MAX)
		return -ENOENT;
	int r = shape_find(a, n, &s, err);
	if (r == 0 && !n->array->unshaped && widen_exists(n->array))
		view_f32_array(n->array, &s);
	if (r == -ENODATA || (r == 0 && !picture_layout(ret, s.array.shape, s.array.rank, s.array.fortran, picture_bits(n->array), n->array->codec)))
		return -ENOENT;
	if (r == 0 && !shape_elements(s.array.shape, s.array.rank, ret_count))
		return -ENOENT;
	return r;
}

static uint32_t width_of(const struct picture_layout *l)
{
	return l->turned ? picture_high(l) : picture_wide(l);
}

static uint32_t height_of(const struct picture_layout *l)
{
	return l->turned ? picture_wide(l) : picture_high(l);
}

static uint64_t rows_of(const struct picture_layout *l)
{
	return (uint64_t)l->shown * l->cell_rows;
}

static uint64_t bands_of(const struct picture_layout *l)
{
	return (rows_of(l) - 1) / l->band + 1;
}

/* --- the cells ----------------------------------------------------------------------------------- */

static int decode(const struct block_source *from, uint64_t number, struct block *ret, struct error *err);

static struct block_source source_of(struct archive *a, const struct node *n, unsigned generation, enum kind kind)
{
	return (struct block_source){&a->blocks, n, decode, KIND_FIRST + generation * KINDS + kind};
}

static int make_band(struct archive *a, struct node *n, const struct picture_layout *l, uint64_t count, uint64_t number, struct block *ret,
		     struct error *err)
{
	struct picture_values values;
	uint64_t first = number * l->band, rows = rows_of(l) - first < l->band ? rows_of(l) - first : l->band;
	double *cells = (double *)(void *)block_room(ret, (size_t)(rows * l->cell_columns) * sizeof *cells, err);
	struct picture_room *room = (struct picture_room *)(void *)block_scratch(ret, sizeof *room, err);
	if (!cells || !room)
		return -ENOMEM;
	int r = picture_values(&values, a, n, count, err);
	return r < 0 ? r : picture_cells(l, &values, a, n, first, rows, room, cells, err);
}

/* All bands one after another. */
static int gather(const struct block_source *from, const struct picture_layout *l, struct block *within, double *to, struct error *err)
{
	struct archive *a = archive_decoded(from);
	struct block_source bands = *from;
	struct block *band;
	int r = 0;
	bands.kind += KIND_BAND - KIND_FILE;
	for (uint64_t i = 0; r == 0 && i < bands_of(l); i++) {
		r = blocks_get(a->options->blocks, within, &bands, i, &band, err);
		if (r < 0)
			return r;
		memcpy(to, band->bytes, band->len);
		to += band->len / sizeof *to;
		blocks_drop_behind(band); /* it is not needed again */
		blocks_release(band);
	}
	return r;
}

/* --- the file ------------------------------------------------------------------------------------ */

/* Where a pixel's column or row leads; `cell` is NOWHERE between tiles. */
enum { NOWHERE = UINT16_MAX };
struct axis {
	uint16_t tile[PICTURE_SIDE], cell[PICTURE_SIDE];
};

struct drawing {
	const struct picture_layout *layout;
	const uint8_t *colors; /* of the cells */
	struct axis x, y;      /* as stored */
};

static void make_axis(uint32_t tiles, uint32_t cells, uint32_t grown, uint32_t gap, struct axis *ret)
{
	uint32_t each = cells * grown + gap;
	for (uint32_t i = 0; i < tiles * each - gap; i++) {
		uint32_t cell = i % each / grown;
		ret->tile[i] = (uint16_t)(i / each);
		ret->cell[i] = (uint16_t)(cell < cells ? cell : NOWHERE);
	}
}

static uint8_t pixel(const struct drawing *d, uint32_t x, uint32_t y)
{
	const struct picture_layout *l = d->layout;
	uint32_t place = d->y.tile[y] * l->across + d->x.tile[x];
	if (d->x.cell[x] == NOWHERE || d->y.cell[y] == NOWHERE || place >= l->shown)
		return COLOR_NONE;
	return d->colors[((size_t)place * l->cell_rows + d->y.cell[y]) * l->cell_columns + d->x.cell[x]];
}

static void draw_line(const struct picture_file *f, uint32_t y, uint8_t *to)
{
	const struct drawing *d = f->arg;
	for (uint32_t x = 0; x < f->width; x++)
		to[x] = d->layout->turned ? pixel(d, y, x) : pixel(d, x, y);
}

/* What the colours mean. */
static void tell(const struct picture_layout *l, const struct picture_range *range, char ret[PICTURE_COMMENT + 1])
{
	struct text t = {.limit = PICTURE_COMMENT};
	text_print(&t, "%.6g to %.6g; a cell is ", range->low, range->high);
	if (l->each_rows == 1 && l->each_columns == 1)
		text_add(&t, "an element");
	else
		text_print(&t, "the mean of %s%" PRIu64 " x %" PRIu64, l->sampled ? "some of " : "",
			   l->turned ? l->each_columns : l->each_rows, l->turned ? l->each_rows : l->each_columns);
	text_add(&t, "; NaN is magenta");
	snprintf(ret, PICTURE_COMMENT + 1, "%s", t.failed ? "" : t.bytes);
	text_free(&t);
}

static int draw(const struct picture_layout *l, const struct picture_range *range, const uint8_t *colors, uint8_t *to,
		struct error *err)
{
	struct drawing d = {.layout = l, .colors = colors};
	uint8_t palette[COLORS][3];
	char comment[PICTURE_COMMENT + 1];
	struct picture_file f = {.width = width_of(l), .height = height_of(l), .comment = comment, .palette = palette, .line = draw_line, .arg = &d};
	make_axis(l->across, l->cell_columns, l->grown_columns, l->gap, &d.x);
	make_axis(l->down, l->cell_rows, l->grown_rows, l->gap, &d.y);
	picture_palette(range->diverging, palette);
	tell(l, range, comment);
	return picture_file(&f, to, err);
}

static int make_file(const struct block_source *from, const struct picture_layout *l, struct block *ret, struct error *err)
{
	size_t count = (size_t)(rows_of(l) * l->cell_columns);
	uint8_t *file = block_room(ret, (size_t)picture_file_size(width_of(l), height_of(l)), err);
	double *cells = (double *)(void *)block_scratch(ret, count * sizeof *cells, err);
	uint8_t *colors = block_scratch(ret, count, err);
	if (!file || !cells || !colors)
		return -ENOMEM;
	int r = gather(from, l, ret, cells, err);
	if (r < 0)
		return r;
	struct picture_range range = picture_range(cells, count);
	for (size_t i = 0; i < count; i++)
		colors[i] = picture_color(&range, cells[i]);
	r = draw(l, &range, colors, file, err);
	blocks_costly(ret);
	return r;
}

static int decode(const struct block_source *from, uint64_t number, struct block *ret, struct error *err)
{
	struct archive *a = archive_decoded(from);
	struct node *n = (struct node *)(uintptr_t)from->owner;
	struct picture_layout l;
	uint64_t count;
	int r = find(a, n, &l, &count, err);
	if (r < 0)
		return r;
	return (from->kind - KIND_FIRST) % KINDS == KIND_BAND ? make_band(a, n, &l, count, number, ret, err) : make_file(from, &l, ret, err);
}

/* --- sizes and reads ----------------------------------------------------------------------------- */

int view_png_size(struct archive *a, struct node *n, uint64_t *ret, struct error *err)
{
	struct picture_layout l;
	uint64_t count, size;
	*ret = 0;
	int r = n->kind == NODE_FAULT ? archive_size(a, n, &size, err) : 0; /* fails where nothing can be read */
	if (r == 0)
		r = find(a, n, &l, &count, err);
	if (r == 0)
		*ret = picture_file_size(width_of(&l), height_of(&l));
	return r;
}

/* Has all bands made. */
static int prepare(struct archive *a, struct node *n, const struct picture_layout *l, unsigned generation, const _Atomic bool *gone,
		   struct error *err)
{
	struct blocks *blocks = a->options->blocks;
	struct block_source from = source_of(a, n, generation, KIND_BAND);
	struct block *band;
	uint64_t next = 1;
	int r = 0;
	for (uint64_t i = 0; r == 0 && i < bands_of(l); i++) {
		uint64_t ahead = i + blocks_ahead(blocks, (size_t)l->band * l->cell_columns * sizeof(double));
		for (; next <= ahead && next < bands_of(l); next++)
			blocks_prefetch(blocks, &from, next);
		r = gone && atomic_load(gone) ? -EINTR : blocks_get(blocks, NULL, &from, i, &band, err);
		if (r == 0)
			blocks_release(band);
	}
	if (r == -EINTR)
		archive_cancel_prefetch(a);
	return r;
}

static int get_file(struct archive *a, struct node *n, const struct picture_layout *l, const _Atomic bool *gone, struct block **ret,
		    struct error *err)
{
	unsigned generation = atomic_load(&a->resized);
	struct block_source from = source_of(a, n, generation, KIND_FILE);
	*ret = blocks_peek(a->options->blocks, &from, 0);
	if (*ret)
		return 0;
	int r = a->options->blocks ? prepare(a, n, l, generation, gone, err) : 0;
	return r < 0 ? r : blocks_get(a->options->blocks, NULL, &from, 0, ret, err);
}

static int read_once(struct archive *a, struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	struct picture_layout l;
	struct block *file;
	uint64_t count, size;
	int r = find(a, n, &l, &count, err);
	if (r < 0)
		return r;
	size = picture_file_size(width_of(&l), height_of(&l));
	if (offset >= size || len == 0)
		return 0;
	r = get_file(a, n, &l, ret->gone, &file, err);
	if (r < 0)
		return r;
	if (file->len != size) {
		blocks_release(file);
		return error_set(err, EIO, "the array is not what it was");
	}
	return blocks_answer(a->options->blocks, file, (size_t)offset, (size_t)(len < size - offset ? len : size - offset), ret);
}

int view_png_read(struct archive *a, struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	return archive_read_settled(read_once, a, n, offset, len, ret, err);
}
