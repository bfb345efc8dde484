/* SPDX-License-Identifier: MIT */
#include "fs/codec/codec.h"

static const struct codec *const table[] = {
#define CODEC_ROW(id, defined) [id] = &(defined),
	CODECS(CODEC_ROW)
#undef CODEC_ROW
};

const char *codec_name(enum codec_id codec)
{
	return codec < CODEC_COUNT ? table[codec]->name : "unknown";
}

bool codec_compresses(enum codec_id codec)
{
	return codec < CODEC_COUNT && !table[codec]->packs_nothing;
}

bool codec_known(enum codec_id codec)
{
	return codec < CODEC_COUNT && table[codec]->whole;
}

const struct codec_steps *codec_steps(enum codec_id codec)
{
	return codec < CODEC_COUNT ? table[codec]->steps : NULL;
}

int codec_hold_still(const struct codec_memory *memory, struct slice *in, struct error *err)
{
	if (!memory || !memory->changing || in->len == 0)
		return 0;
	uint8_t *copy = memory->take(memory->arg, in->len, err);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, in->data, in->len);
	in->data = copy;
	return 0;
}

int codec_run_some(enum codec_id codec, struct slice in, uint8_t *out, size_t room, size_t *ret,
		   const struct codec_memory *memory, struct error *err)
{
	*ret = 0;
	if (!codec_known(codec))
		return error_set(err, ENOTSUP, "compressed with %s, which is not built in", codec_name(codec));
	int r = table[codec]->double_fetch ? codec_hold_still(memory, &in, err) : 0;
	if (r < 0)
		return r;
	r = table[codec]->whole(in, out, room, ret);
	if (r == -ENOMEM)
		return error_set(err, ENOMEM, "no memory to decode %s", codec_name(codec));
	if (r < 0)
		return error_set(err, EBADMSG, "%zu bytes of %s do not decode to %zu", in.len, codec_name(codec), room);
	return 0;
}

int codec_run(enum codec_id codec, struct slice in, uint8_t *out, size_t len, const struct codec_memory *memory,
	      struct error *err)
{
	size_t made;
	int r = codec_run_some(codec, in, out, len, &made, memory, err);
	if (r == 0 && made != len)
		r = error_set(err, EBADMSG, "%zu bytes of %s decode to %zu, not %zu", in.len, codec_name(codec), made, len);
	return r;
}

/* --- codecs without a library ---------------------------------------------- */

static int copy(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	if (in.len > room)
		return -EBADMSG;
	if (in.len)
		memcpy(out, in.data, in.len);
	*ret = in.len;
	return 0;
}

const struct codec codec_none = {.name = "none", .whole = copy, .packs_nothing = true};
const struct codec codec_lzo = {.name = "lzo"};
