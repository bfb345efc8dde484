/* SPDX-License-Identifier: MIT */
#include "tests/support.h"

extern const struct format format_arrow;
int main(void) { return 0; }
