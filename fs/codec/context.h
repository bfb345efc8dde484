/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The contexts of codec libraries, one per thread and library: created at first use,
 * freed when the thread ends.
 */
enum codec_context { CONTEXT_ZSTD, CONTEXT_DEFLATE, CONTEXT_COUNT };

/* NULL if there is no memory. */
void *codec_context(enum codec_context which, void *(*make)(void), void (*drop)(void *));
