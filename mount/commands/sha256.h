/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>

#include "fs/base/error.h"

/*
 * SHA-256 by OpenSSL's libcrypto.  It is loaded only by the command that needs it: to have it
 * linked would make every start of the program take a millisecond longer, half as long again.
 */
enum { SHA256_BYTES = 32 };

/* Loads the library, before the sandbox is entered.  -ENOENT and a sentence if it is missing. */
int sha256_prepare(struct error *err);

/* Hashes an open file from its beginning to its end.  `each` is called with the number of bytes
 * just hashed; what it returns, unless 0, ends it and is returned.  Any thread. */
int sha256_file(int fd, uint8_t ret[SHA256_BYTES], int (*each)(void *arg, uint64_t bytes), void *arg, struct error *err);
