/* SPDX-License-Identifier: MIT */
#include "mount/commands/sha256.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT(x) #x
#define LIBRARY(version) "libcrypto.so." TEXT(version)

/* The library's functions, as its headers declare them. */
static struct {
	__typeof__(OPENSSL_init_crypto) *init;
	__typeof__(EVP_MD_fetch) *fetch;
	__typeof__(EVP_MD_CTX_new) *make;
	__typeof__(EVP_MD_CTX_free) *drop;
	__typeof__(EVP_DigestInit_ex2) *begin;
	__typeof__(EVP_DigestUpdate) *add;
	__typeof__(EVP_DigestFinal_ex) *end;
	EVP_MD *sha256;
} crypto;

int sha256_prepare(struct error *err)
{
	static const char library[] = LIBRARY(OPENSSL_SHLIB_VERSION);
	void *lib = dlopen(library, RTLD_NOW | RTLD_LOCAL);
	if (!lib)
		return error_set(err, ENOENT, "%s, which makes SHA-256, is not installed", library);
#define FIND(member, name) (crypto.member = (__typeof__(crypto.member))(uintptr_t)dlsym(lib, #name))
	bool all = FIND(init, OPENSSL_init_crypto) && FIND(fetch, EVP_MD_fetch) && FIND(make, EVP_MD_CTX_new) &&
		   FIND(drop, EVP_MD_CTX_free) && FIND(begin, EVP_DigestInit_ex2) && FIND(add, EVP_DigestUpdate) &&
		   FIND(end, EVP_DigestFinal_ex);
#undef FIND
	/* No file is read for its configuration, and nothing is left to be done at exit. */
	if (!all || !crypto.init(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) ||
	    !(crypto.sha256 = crypto.fetch(NULL, "SHA256", NULL)))
		return error_set(err, ENOTSUP, "%s has no SHA-256", library);
	return 0;
}

static int hash(EVP_MD_CTX *context, int fd, uint8_t *buffer, size_t room, int (*each)(void *arg, uint64_t bytes), void *arg,
		struct error *err)
{
	off_t at = 0;
	for (;;) {
		ssize_t n = pread(fd, buffer, room, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, errno, "reading at byte %jd: %s", (intmax_t)at, strerror(errno));
		if (n == 0)
			return 0;
		if (!crypto.add(context, buffer, (size_t)n))
			return error_set(err, ENOMEM, "libcrypto failed");
		at += n;
		int r = each(arg, (uint64_t)n);
		if (r != 0)
			return r;
	}
}

int sha256_file(int fd, uint8_t ret[SHA256_BYTES], int (*each)(void *arg, uint64_t bytes), void *arg, struct error *err)
{
	enum { ROOM = 256 << 10 }; /* stays in the processor's cache between the copy and the hash */
	EVP_MD_CTX *context = crypto.make();
	uint8_t *buffer = malloc(ROOM);
	int r = -ENOMEM;
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	if (context && buffer && crypto.begin(context, crypto.sha256, NULL))
		r = hash(context, fd, buffer, ROOM, each, arg, err);
	else
		error_no_memory(err, "SHA-256");
	if (r == 0 && !crypto.end(context, ret, NULL))
		r = error_set(err, ENOMEM, "libcrypto failed");
	crypto.drop(context);
	free(buffer);
	return r;
}
