/* SPDX-License-Identifier: MIT */
/* Records, each with checksums of its length and of itself. */
#include <isa-l/crc.h>

#include "formats/tfrecord/impl.h"

/* CRC-32C, masked, so that one over bytes that hold one is none of them. */
static uint32_t masked_crc(const uint8_t *p, uint64_t len)
{
	enum { AT_ONCE = 1 << 30 };
	uint32_t crc = UINT32_MAX;
	while (len > 0) {
		int n = len < AT_ONCE ? (int)len : AT_ONCE;
		crc = crc32_iscsi((unsigned char *)(uintptr_t)p, n, crc);
		p += n;
		len -= (uint64_t)n;
	}
	crc = ~crc;
	return (crc >> 15 | crc << 17) + 0xa282ead8;
}

static uint32_t read32(const uint8_t *p)
{
	uint32_t value;
	memcpy(&value, p, sizeof value);
	return le32toh(value);
}

bool tfrecord_begins(const uint8_t *p)
{
	uint8_t copy[TFRECORD_HEAD];
	memcpy(copy, p, sizeof copy);
	return masked_crc(copy, 8) == read32(copy + 8);
}

enum tfrecord_next tfrecord_next(const uint8_t **p, const uint8_t *end, bool check, struct wire *ret)
{
	uint64_t len;
	size_t left = (size_t)(end - *p);
	if (left == 0)
		return TFRECORD_NONE;
	if (left < TFRECORD_HEAD)
		return TFRECORD_CUT;
	if (!tfrecord_begins(*p))
		return TFRECORD_LENGTH;
	memcpy(&len, *p, sizeof len);
	len = le64toh(len);
	left -= TFRECORD_HEAD;
	if (len > left || left - len < TFRECORD_TAIL)
		return TFRECORD_CUT;
	const uint8_t *data = *p + TFRECORD_HEAD;
	*ret = wire_over(data, (size_t)len);
	*p = data + len + TFRECORD_TAIL;
	return check && masked_crc(data, len) != read32(data + len) ? TFRECORD_DATA : TFRECORD_WHOLE;
}
