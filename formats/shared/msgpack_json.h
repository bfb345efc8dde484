/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/msgpack.h"
#include "fs/base/text.h"

/*
 * The object, whose header was just read, and all that is in it, as JSON without white space; passes
 * over it.  Binaries and extensions are base64, timestamps YYYY-MM-DDThh:mm:ss.nnnnnnnnnZ, keys that
 * are not strings become their JSON text.  Failures are left in the text and the reader.  `keep` lends
 * scratch memory.
 */
void msgpack_json(struct msgpack *m, struct arena *keep, const struct msgpack_object *o, struct text *t);
