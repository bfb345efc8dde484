/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive.h"
static inline unsigned view_text_width(const struct array *a) { (void)a; return 0; }
static inline int view_text_size(struct archive *a, struct node *n, uint64_t *ret, struct error *err) { (void)a,(void)n,(void)ret,(void)err; return -EIO; }
static inline int view_text_read(struct archive *a, struct node *n, uint64_t o, uint64_t l, struct answer *ret, struct error *err) { (void)a,(void)n,(void)o,(void)l,(void)ret,(void)err; return -EIO; }
