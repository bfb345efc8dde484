/* SPDX-License-Identifier: MIT */
#pragma once
/* The only place that includes the FUSE header, and chooses its API version. */
#define FUSE_USE_VERSION 312
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#include <fuse_lowlevel.h>
#pragma GCC diagnostic pop
