/* SPDX-License-Identifier: MIT */
/* HDF5's filter n-bit, which drops the padding bits of numbers, as decoded by H5Znbit.c. */
#include "fs/codec/bits.h"
#include "fs/codec/filter.h"

/* Stores `precision` bits at bit `offset` of an element, from the most significant byte down. */
static void place_bits(struct bits *b, uint8_t *out, unsigned size, bool big, unsigned precision, unsigned offset)
{
	for (unsigned k = (offset + precision + 7) / 8; k-- > offset / 8;) {
		unsigned low = offset > 8 * k ? offset - 8 * k : 0;
		unsigned high = offset + precision < 8 * k + 8 ? offset + precision - 8 * k : 8;
		out[big ? size - 1 - k : k] |= (uint8_t)(bits_take(b, high - low) << low);
	}
}

enum { NBIT_ATOMIC = 1, NBIT_ARRAY = 2, NBIT_COMPOUND = 3, NBIT_COPY = 4 };
enum { DEPTH_MAX = 32 };

struct nbit {
	struct filter_parameters p;
	struct bits bits;
	struct error *err;
};

static uint32_t parameter(const struct nbit *n, uint32_t at)
{
	return at < n->p.count ? n->p.values[at] : 0;
}

static int nbit_element(struct nbit *n, uint32_t *at, uint8_t *out, uint32_t room, unsigned depth);

static int nbit_atomic(struct nbit *n, uint32_t at, uint8_t *out, uint32_t size)
{
	uint32_t order = parameter(n, at), precision = parameter(n, at + 1), offset = parameter(n, at + 2);
	if (precision == 0 || precision > size * 8 || offset > size * 8 - precision || !bits_have(&n->bits, precision))
		return error_set(n->err, EBADMSG, "%u bits at %u of %u bytes", precision, offset, size);
	place_bits(&n->bits, out, size, order == 1, precision, offset);
	return 0;
}

static int nbit_copy(struct nbit *n, uint8_t *out, uint32_t size)
{
	if (!bits_have(&n->bits, (uint64_t)size * 8))
		return error_set(n->err, EBADMSG, "the bits end too early");
	for (uint32_t i = 0; i < size; i++)
		out[i] = (uint8_t)bits_take(&n->bits, 8);
	return 0;
}

static int nbit_array(struct nbit *n, uint32_t *at, uint8_t *out, uint32_t size, unsigned depth)
{
	uint32_t start = *at, class = parameter(n, start), each = parameter(n, start + 1);
	if (class == NBIT_COPY) { /* all items at once, whatever their size */
		*at += 2;
		return nbit_copy(n, out, size);
	}
	if (each == 0 || size % each)
		return error_set(n->err, EBADMSG, "an array of %u bytes in items of %u", size, each);
	for (uint32_t done = 0; done < size; done += each) {
		*at = start;
		int r = nbit_element(n, at, out + done, size - done, depth + 1);
		if (r < 0)
			return r;
	}
	/* HDF5 returns to the items' parameters after the last one, too.  It has also packed by them what
	 * follows, which is lost: findings/hdf5-nbit-array-members.sh. */
	if (class != NBIT_ATOMIC)
		*at = start + 1;
	return 0;
}

static int nbit_compound(struct nbit *n, uint32_t *at, uint8_t *out, uint32_t size, unsigned depth)
{
	uint32_t members = parameter(n, (*at)++);
	/* A compound without members would take no bits, so nothing would bound their number. */
	if (members == 0 || members > n->p.count)
		return error_set(n->err, EBADMSG, "a compound of %u members", members);
	for (uint32_t i = 0; i < members; i++) {
		uint32_t offset = parameter(n, (*at)++);
		if (offset > size)
			return error_set(n->err, EBADMSG, "a member at %u of %u bytes", offset, size);
		int r = nbit_element(n, at, out + offset, size - offset, depth + 1);
		if (r < 0)
			return r;
	}
	return 0;
}

static int nbit_element(struct nbit *n, uint32_t *at, uint8_t *out, uint32_t room, unsigned depth)
{
	uint32_t class = parameter(n, (*at)++), size = parameter(n, (*at)++);
	if (size == 0 || size > room || depth > DEPTH_MAX || *at > n->p.count)
		return error_set(n->err, EBADMSG, "an element of %u bytes in %u", size, room);
	switch (class) {
	case NBIT_ATOMIC:
		*at += 3;
		return nbit_atomic(n, *at - 3, out, size);
	case NBIT_ARRAY:
		return nbit_array(n, at, out, size, depth);
	case NBIT_COMPOUND:
		return nbit_compound(n, at, out, size, depth);
	case NBIT_COPY:
		return nbit_copy(n, out, size);
	default:
		return error_set(n->err, EBADMSG, "a class of %u", class);
	}
}

int filter_nbit(struct filter_parameters p, struct slice in, uint8_t *out, size_t room, size_t *ret,
		const struct codec_memory *memory, struct error *err)
{
	(void)memory;
	struct nbit n = {p, {in, 0}, err};
	bool as_is = p.count >= 3 && p.values[1]; /* nothing to save, so the type is not stored */
	if ((p.count < 5 && !as_is) || (as_is && in.len > room))
		return error_set(err, EBADMSG, "%u parameters", p.count);
	if (as_is) {
		memcpy(out, in.data, in.len);
		*ret = in.len;
		return 0;
	}
	uint64_t count = p.values[2], size = p.values[4];
	if (size == 0 || count > room / size)
		return error_set(err, EBADMSG, "more elements than a chunk holds");
	memset(out, 0, (size_t)(count * size));
	for (uint64_t i = 0; i < count; i++) {
		uint32_t at = 3;
		int r = nbit_element(&n, &at, out + i * size, (uint32_t)size, 0);
		if (r < 0)
			return r;
	}
	*ret = (size_t)(count * size);
	return 0;
}
