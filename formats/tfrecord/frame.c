/* SPDX-License-Identifier: MIT */
/* Records, each with checksums of its length and of itself. */
#include <isa-l/crc.h>

#include "formats/tfrecord/impl.h"

/* CRC-32C, masked, so that one over bytes that hold one is none of them. */
static uint32_t masked(uint32_t crc)
{
	crc = ~crc;
	return (crc >> 15 | crc << 17) + 0xa282ead8;
}

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
	return masked(crc);
}

/* Of eight bytes.  The library is made for many: here its call would be most of the time. */
#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t crc_of_eight(uint64_t bytes)
{
	return masked((uint32_t)__builtin_ia32_crc32di(UINT32_MAX, bytes));
}

static bool has_instruction(void)
{
	return __builtin_cpu_supports("sse4.2");
}
#else
static uint32_t crc_of_eight(uint64_t bytes)
{
	return masked_crc((const uint8_t *)&bytes, sizeof bytes);
}

static bool has_instruction(void)
{
	return false;
}
#endif

static uint32_t read32(const uint8_t *p)
{
	uint32_t value;
	memcpy(&value, p, sizeof value);
	return le32toh(value);
}

/* What is checked is what is used: bytes of a mapping may change. */
static bool read_length(const uint8_t *p, uint64_t *ret)
{
	uint64_t bytes;
	memcpy(&bytes, p, sizeof bytes);
	*ret = le64toh(bytes);
	return read32(p + 8) == (has_instruction() ? crc_of_eight(bytes) : masked_crc((const uint8_t *)&bytes, sizeof bytes));
}

bool tfrecord_begins(const uint8_t *p)
{
	uint64_t len;
	return read_length(p, &len);
}

enum tfrecord_next tfrecord_next(const uint8_t **p, const uint8_t *end, bool check, struct wire *ret)
{
	uint64_t len;
	size_t left = (size_t)(end - *p);
	if (left == 0)
		return TFRECORD_NONE;
	if (left < TFRECORD_HEAD)
		return TFRECORD_CUT;
	if (!read_length(*p, &len))
		return TFRECORD_LENGTH;
	left -= TFRECORD_HEAD;
	if (len > left || left - len < TFRECORD_TAIL)
		return TFRECORD_CUT;
	const uint8_t *data = *p + TFRECORD_HEAD;
	*ret = wire_over(data, (size_t)len);
	*p = data + len + TFRECORD_TAIL;
	return check && masked_crc(data, len) != read32(data + len) ? TFRECORD_DATA : TFRECORD_WHOLE;
}
