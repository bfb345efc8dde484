/* SPDX-License-Identifier: MIT */
/*
 * Prints what the machine made of pickles, for tests/interop/test_pickle.py: for each a line of
 * JSON, [root, end, [node, …]] with the nodes from number 1 on, or the sentence that refused it.
 *
 *	pickle_nodes FILE…
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "formats/shared/pickle.h"

static const char *const KINDS[] = {"none", "bool", "int", "long", "float", "text", "str", "bytes", "bytearray", "tuple", "list",
				    "set", "frozenset", "dict", "global", "call", "persistent", "buffer"};

static void print_bytes(const struct pickle *p, const struct pickle_node *n, struct arena *a)
{
	struct slice s;
	struct error err = {0};
	if (pickle_text(p, n, a, UINT64_MAX, &s, &err))
		abort();
	printf(",\"");
	for (size_t i = 0; i < s.len; i++)
		printf("%02x", s.data[i]);
	printf("\"");
}

static void print_items(const struct pickle_node *n)
{
	uint32_t item;
	printf(",[");
	struct pickle_walk w = pickle_items(n);
	for (uint32_t i = 0; pickle_next(&w, &item); i++)
		printf("%s%u", i ? "," : "", item);
	printf("]");
}

static void print_node(const struct pickle *p, const struct pickle_node *n, struct arena *a)
{
	printf("[\"%s\"", KINDS[n->kind]);
	if (n->kind == PICKLE_BOOL || n->kind == PICKLE_INT || n->kind == PICKLE_LONG) {
		struct text t = {0};
		struct error err = {0};
		if (pickle_decimal(p, n, &t, &err))
			abort();
		printf(",\"%.*s\"", (int)t.len, t.bytes);
		text_free(&t);
	} else if (n->kind == PICKLE_FLOAT) {
		printf(",\"%a\"", n->real);
	} else if (n->kind >= PICKLE_TEXT && n->kind <= PICKLE_BYTEARRAY) {
		print_bytes(p, n, a);
	} else if (n->kind >= PICKLE_TUPLE && n->kind <= PICKLE_DICT) {
		print_items(n);
	} else if (n->kind == PICKLE_GLOBAL) {
		printf(",%u,%u", n->pair[0], n->pair[1]);
	} else if (n->kind == PICKLE_PERSISTENT) {
		printf(",%u", n->pair[0]);
	} else if (n->kind == PICKLE_CALL) {
		const struct pickle_call *c = n->call;
		printf(",%u,%u,%u,%u,%u,%u,%d", c->callable, c->args, c->kwargs, c->state, c->items, c->entries, c->made);
	}
	printf("]");
}

static void print_pickle(const struct pickle *p, struct arena *a)
{
	printf("[%u,%" PRIu64 ",[", p->root, p->end);
	for (uint32_t i = 1; i <= p->count; i++) {
		printf("%s", i > 1 ? "," : "");
		print_node(p, pickle_node(p, i), a);
	}
	printf("]]\n");
}

static void print_file(const char *path)
{
	struct archive a = {.arena.limit = (size_t)1 << 30};
	struct error err = {0};
	struct folder here = {AT_FDCWD, "", false};
	if (source_open(&a.source, &here, path, REACH_ANY, &err)) {
		fprintf(stderr, "%s\n", err.text);
		exit(2);
	}
	struct content in = {.size = a.source.size};
	struct arena scratch = arena_scratch(&a.arena);
	struct pickle p = {.archive = &a, .in = &in, .keep = &a.arena, .scratch = &scratch, .persistent = true};
	if (pickle_read(&p, 0, &err))
		puts(err.text);
	else
		print_pickle(&p, &scratch);
	arena_free(&scratch);
	arena_free(&a.arena);
	source_close(&a.source);
}

int main(int argc, char **argv)
{
	source_guard();
	for (int i = 1; i < argc; i++)
		print_file(argv[i]);
	return 0;
}
