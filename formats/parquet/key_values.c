/* SPDX-License-Identifier: MIT */
/* "KeyValue": the archive's own attributes, read in place when asked for: schemas that
 * writers put there may be larger than the rest of the footer. */
#include "formats/parquet/parquet.h"
#include "formats/parquet/thrift.h"

/* Of a mapped footer, values up to this size are copied; larger ones are omitted, since
 * they would take as much memory again. */
enum { VALUE_MAX = 16 << 20 };

static void read_pair(struct cursor *c, struct slice *key, struct slice *value)
{
	struct pq_thrift_field f = {0};
	*key = *value = (struct slice){NULL, 0};
	while (pq_thrift_field(c, &f)) {
		if (f.id == 1)
			pq_thrift_binary(c, &f, key);
		else if (f.id == 2)
			pq_thrift_binary(c, &f, value);
		else
			pq_thrift_skip(c, &f);
	}
}

void pq_key_values_skip(struct parquet *p, struct cursor *c, uint32_t n)
{
	struct slice key, value;
	p->key_values_at = cursor_at(c);
	for (p->key_values = 0; p->key_values < n && !c->failed; p->key_values++)
		read_pair(c, &key, &value);
}

/* Reads the pair at *at and advances *at past it. t receives the name and, if the footer
 * is mapped, the value. */
static int take_pair(struct archive *a, size_t *at, struct text *t, struct slice *ret_name, struct slice *ret_value,
		     struct error *err)
{
	struct parquet *p = a->priv;
	struct cursor c = cursor_over(p->footer);
	struct slice key, value;
	int r = 0;

	if (p->mapped)
		source_enter(&a->source);
	cursor_skip(&c, *at);
	read_pair(&c, &key, &value);
	*at = cursor_at(&c);
	t->len = 0;
	text_add(t, ATTR_OWN);
	text_put(t, key);
	size_t name = t->len;
	if (p->mapped && value.len <= VALUE_MAX)
		text_put(t, value);
	if (p->mapped)
		r = source_leave(&a->source, p->footer_at, p->footer.len, err);
	if (r == 0 && c.failed)
		r = error_set(err, EBADMSG, "the key-value metadata is broken");
	if (r == 0 && t->failed)
		r = error_no_memory(err, "the key-value metadata");
	*ret_name = (struct slice){(const uint8_t *)t->bytes, name};
	*ret_value = p->mapped ? (struct slice){(const uint8_t *)t->bytes + name, t->len - name} : value;
	return r < 0 ? r : p->mapped && value.len > VALUE_MAX;
}

int pq_attrs(struct archive *a, uint32_t index, const struct node *n, attrs_each *each, void *arg, struct error *err)
{
	const struct parquet *p = a->priv;
	size_t at = p->key_values_at;
	struct text t = {0};
	int r = 0;

	(void)n;
	for (uint32_t i = 0; index == TREE_ROOT && i < p->key_values && r == 0; i++) {
		struct attr attr = {.json = false};
		int left_out = r = take_pair(a, &at, &t, &attr.name, &attr.value, err);
		if (r == 0)
			r = each(arg, &attr);
		else if (left_out > 0)
			r = 0;
	}
	text_free(&t);
	return r;
}
