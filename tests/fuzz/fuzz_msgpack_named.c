/* SPDX-License-Identifier: MIT */
/* Documents and records in MessagePack, which are archives by their names. */
#define FORMAT format_msgpack
#define NAME "any.msgpack"
#include "tests/fuzz/fuzz_format.c"
