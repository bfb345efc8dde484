/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/torch/storage.h"
#include "fs/base/list.h"

/* Does it begin as the older stream does? */
bool torch_legacy_probe(struct slice head);

/* Reads the pickles and finds the storages of f->data: f->pickle and f->storage. */
int torch_legacy_read(struct torch_file *f, struct error *err);
