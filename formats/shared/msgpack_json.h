/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/msgpack.h"
#include "fs/base/text.h"

/*
 * The object, whose header was just read, and all that is in it, as JSON without white space;
 * passes over it.  Binaries and extensions are base64, timestamps YYYY-MM-DDThh:mm:ss.nnnnnnnnnZ, keys
 * that are no strings the text of what they are.  Whether that failed, the text and the reader know.
 * `keep` lends scratch memory.
 */
void msgpack_json(struct msgpack *m, struct arena *keep, const struct msgpack_object *o, struct text *t);
