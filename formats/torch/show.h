/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/torch/torch.h"

/* A directory that is filled at the first look. */
struct torch_dir {
	uint32_t node; /* a container, module or object */
};

/* Of a directory of the tree; NULL if a name implied it, or it is a tensor's. */
const struct torch_dir *torch_dir(const struct archive *a, uint32_t dir);

/* What is met in a container: its name below the directory, and what it is. */
struct torch_visited {
	struct slice name;
	uint32_t node;
	enum torch_meaning meaning;
	bool integers;
};

/* Visits everything that a directory shows or reports, in order: of modules within a module what they hold. */
struct torch_visit {
	const struct torch_file *f;
	struct arena *scratch;
	int (*each)(struct torch_visit *v, const struct torch_visited *at); /* nonzero ends the visit */
	void *arg;    /* the caller's */
	uint32_t dir; /* likewise */
	struct error *err;
	bool in_module; /* private */
};
int torch_visit(struct torch_visit *v, uint32_t node);
int torch_visit_module(struct torch_visit *v, uint32_t node, struct slice before);

/* Is it a file or a directory? */
bool torch_shown(const struct torch_file *f, const struct torch_visited *at);
