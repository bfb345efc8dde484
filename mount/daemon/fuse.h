/* SPDX-License-Identifier: MIT */
#pragma once
/* The one place where FUSE is included, and its API chosen. */
#define FUSE_USE_VERSION 312
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#include <fuse_lowlevel.h>
#pragma GCC diagnostic pop
