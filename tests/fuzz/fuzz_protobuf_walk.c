/* SPDX-License-Identifier: MIT */
/* Messages, of which every field is read as every kind, through windows of two sizes: these tell
 * the same, and what they tell is in the input. */
#include "formats/shared/protobuf.h"
#include "tests/fuzz/fuzz.h"

enum { DEPTH = 6, FIELDS = 200, NUMBERS = 100 };

static uint64_t mixed(uint64_t sum, uint64_t value)
{
	return (sum ^ value) * 0x9e3779b97f4a7c15u;
}

static uint64_t read_numbers(struct proto_input in, const struct proto_field *f, uint64_t sum)
{
	static const enum proto_wire wires[] = {PROTO_VARINT, PROTO_I32, PROTO_I64};
	for (unsigned i = 0; i < 3; i++) {
		struct proto_input mine = in;
		uint64_t n, count = 0, at = f->at;
		for (struct proto_run run = proto_run(&mine, f, wires[i]); proto_number(&run, &n) && count < NUMBERS; count++)
			sum = mixed(sum, n);
		in.len = 0; /* the window is shared */
		mine = in;
		if (f->wire == PROTO_LEN && wires[i] == PROTO_VARINT)
			sum = mixed(sum, proto_skip_varints(&mine, &at, f->at + f->len, NUMBERS));
		HOLDS(at <= f->at + f->len);
	}
	return sum;
}

static uint64_t read_message(struct proto m, unsigned depth, uint64_t sum)
{
	struct proto_field f;
	unsigned count = 0;
	while (count++ < FIELDS && proto_next(&m, &f)) {
		sum = mixed(mixed(mixed(sum, f.number), f.wire), f.value);
		if (f.wire != PROTO_LEN)
			continue;
		HOLDS(range_within(f.at, f.len, m.in->source->size) && f.at + f.len <= m.end);
		sum = read_numbers(*m.in, &f, sum);
		m.in->len = 0;
		if (depth) {
			struct proto_input apart = *m.in;
			struct proto within = proto_enter(&m, &f);
			within.in = &apart; /* a fault of what follows is none of this */
			sum = read_message(within, depth - 1, sum);
			m.in->len = 0;
		}
	}
	return mixed(sum, (uint64_t)m.in->failed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t small[PROTO_WINDOW_LEAST], large[PROTO_WINDOW];
	struct source s = source_memory((struct slice){data, size});
	struct error err = {0};
	struct proto_input one = proto_input(&s, small, sizeof small, &err), other = proto_input(&s, large, sizeof large, &err);
	uint64_t sum = read_message(proto_whole(&one), DEPTH, 0);
	HOLDS(sum == read_message(proto_whole(&other), DEPTH, 0));
	return 0;
}
