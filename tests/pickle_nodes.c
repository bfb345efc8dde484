/* SPDX-License-Identifier: MIT */
/*
 * Prints what the machine made of a pickle, for tests/interop/test_pickle.py: a line of JSON,
 * [root, end, [node, …]] with a node for each number from 1 on, or an error's sentence.
 *
 *	pickle_nodes FILE [OFFSET]        of several pickles in a row: [[root, …], …]
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

int main(int argc, char **argv)
{
	struct archive a = {.arena.limit = SIZE_MAX / 2};
	struct error err = {0};
	struct folder here = {AT_FDCWD, "", false};
	source_guard();
	if (argc < 2 || source_open(&a.source, &here, argv[1], REACH_ANY, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return 2;
	}
	struct content in = {.size = a.source.size};
	struct arena scratch = arena_scratch(&a.arena);
	struct pickle p = {.archive = &a, .in = &in, .keep = &a.arena, .scratch = &scratch, .persistent = true};
	if (pickle_read(&p, argc > 2 ? strtoull(argv[2], NULL, 10) : 0, &err)) {
		puts(err.text);
		return 1;
	}
	printf("[%u,%" PRIu64 ",[", p.root, p.end);
	for (uint32_t i = 1; i <= p.count; i++) {
		printf("%s", i > 1 ? "," : "");
		print_node(&p, pickle_node(&p, i), &scratch);
	}
	printf("]]\n");
	arena_free(&scratch);
	arena_free(&a.arena);
	source_close(&a.source);
	return 0;
}
