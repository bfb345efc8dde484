/* SPDX-License-Identifier: MIT */
/* A FlatBuffer, of which every field is read as every kind: what is told to be there is in
 * the buffer, and what several paths lead to does not multiply the work. */
#include "formats/shared/flatbuffers.h"
#include "tests/fuzz/fuzz.h"

enum { FIELDS = 12, DEPTH = 8, ELEMENTS = 64 };

static void within(const struct flat *f, struct slice s)
{
	HOLDS(s.len == 0 || (s.data >= f->bytes.data && s.data + s.len <= f->bytes.data + f->bytes.len));
}

static void read_table(const struct flat_table *t, unsigned depth);

static void read_vectors(const struct flat_table *t, unsigned field, unsigned depth)
{
	static const uint32_t widths[] = {1, 4, 8, 24};
	for (unsigned i = 0; i < sizeof widths / sizeof *widths; i++) {
		struct flat_vector v = flat_vector(t, field, widths[i]);
		within(t->of, (struct slice){t->of->bytes.data + v.at, (size_t)v.count * v.each});
		for (uint32_t k = 0; k < v.count && k < ELEMENTS; k++) {
			flat_element(&v, k, 0, 1);
			if (widths[i] == 4) {
				within(t->of, flat_element_string(&v, k));
				struct flat_table element = flat_element_table(&v, k);
				read_table(&element, depth);
			}
		}
	}
}

static void read_table(const struct flat_table *t, unsigned depth)
{
	struct flat_table child;
	struct flat before = *t->of;
	for (unsigned field = 0; field < FIELDS && depth && t->at; field++) {
		flat_int(t, field, 1, 0);
		flat_int(t, field, 8, 0);
		flat_bool(t, field);
		within(t->of, flat_string(t, field));
		child = flat_child(t, field);
		if (!t->of->failed) /* a field of another kind is no fault of what follows */
			read_table(&child, depth - 1);
		t->of->failed = false;
		flat_union(t, field, &child);
		t->of->failed = false;
		read_vectors(t, field, depth - 1);
		t->of->failed = false;
		HOLDS(t->of->budget <= before.budget);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct flat f = flat_over((struct slice){data, size});
	struct flat_table root = flat_root(&f);
	HOLDS(f.failed ? root.at == 0 : root.at >= 4 && root.at < size);
	read_table(&root, DEPTH);
	return 0;
}
