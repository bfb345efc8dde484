/* SPDX-License-Identifier: MIT */
#include "fs/codec/context.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct contexts {
	struct {
		void *context;
		void (*drop)(void *);
	} of[CONTEXT_COUNT];
};

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool have_key;

static void contexts_free(void *arg)
{
	struct contexts *c = arg;
	for (int i = 0; i < CONTEXT_COUNT; i++)
		if (c->of[i].context)
			c->of[i].drop(c->of[i].context);
	free(c);
}

static void make_key(void)
{
	have_key = pthread_key_create(&key, contexts_free) == 0;
}

static struct contexts *contexts(void)
{
	pthread_once(&once, make_key);
	struct contexts *c = have_key ? pthread_getspecific(key) : NULL;
	if (!c && have_key) {
		c = calloc(1, sizeof *c);
		if (c && pthread_setspecific(key, c) != 0) {
			free(c);
			c = NULL;
		}
	}
	return c;
}

void *codec_context(enum codec_context which, void *(*make)(void), void (*drop)(void *))
{
	struct contexts *c = contexts();
	if (c && !c->of[which].context) {
		c->of[which].context = make();
		c->of[which].drop = drop;
	}
	return c ? c->of[which].context : NULL;
}
