/* SPDX-License-Identifier: MIT */
/* What a type is called, as Arrow's own libraries print it. */
#include "formats/arrow/meta.h"

static const char *word_of(const struct field *f)
{
	return f->layout == LAYOUT_INDICES ? f->detail->word : f->array.type;
}

static void put_field(struct text *t, const struct field *f)
{
	text_put(t, f->name);
	text_add(t, ": ");
	text_add(t, word_of(f));
	text_add(t, f->detail->nullable ? "" : " not null");
}

/* All fields below it, with a comma between. */
static void put_fields(struct text *t, const struct field *fields, uint32_t i)
{
	const uint32_t *by_type = fields[i].detail->by_type;
	for (uint32_t c = i + 1; c < fields[i].next; c = fields[c].next) {
		text_add(t, c == i + 1 ? "" : ", ");
		put_field(t, &fields[c]);
		for (unsigned type = 0; by_type && type < 128; type++)
			if (by_type[type] == c)
				text_print(t, "=%u", type);
	}
}

/* Without the names of keys and values, whatever they are, and without those of runs. */
static void put_map(struct text *t, const struct field *fields, uint32_t i)
{
	const struct field *key = &fields[i + 2];
	text_add(t, "map<");
	text_add(t, word_of(key));
	text_add(t, ", ");
	text_add(t, word_of(&fields[key->next]));
	text_add(t, fields[i].array.type);
	text_add(t, ">");
}

static void put_runs(struct text *t, const struct field *fields, uint32_t i)
{
	const struct field *ends = &fields[i + 1];
	text_add(t, "run_end_encoded<run_ends: ");
	text_add(t, word_of(ends));
	text_add(t, ", values: ");
	text_add(t, word_of(&fields[ends->next]));
	text_add(t, ">");
}

const char *arrow_word(struct arena *arena, const struct field *fields, uint32_t i)
{
	const struct field *f = &fields[i];
	struct text t = {0};
	if (f->layout == LAYOUT_INDICES) {
		text_add(&t, "dictionary<values=");
		text_add(&t, word_of(&f->dictionary->fields[0]));
		text_print(&t, ", indices=%s, ordered=%d>", f->array.type, f->detail->ordered);
	} else if (f->array.dtype == DTYPE_MAP) {
		put_map(&t, fields, i);
	} else if (f->layout == LAYOUT_RUN_END) {
		put_runs(&t, fields, i);
	} else {
		text_add(&t, f->layout == LAYOUT_SPARSE ? "sparse_union" : f->layout == LAYOUT_DENSE ? "dense_union"
			   : f->layout == LAYOUT_FIXED_LIST ? "fixed_size_list" : f->array.type);
		text_add(&t, "<");
		put_fields(&t, fields, i);
		text_add(&t, ">");
		if (f->layout == LAYOUT_FIXED_LIST)
			text_print(&t, "[%llu]", (unsigned long long)f->per);
	}
	const char *word = t.failed ? NULL : arena_text(arena, text_slice(&t));
	text_free(&t);
	return word;
}
