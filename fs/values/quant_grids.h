/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>

/*
 * The grids of GGML's IQ types, of eight values in two bits each, or of four in four bits each:
 * numbers of the values, the first one lowest.  Made by scripts/grids from gguf, the Python
 * package (MIT licence, https://github.com/ggml-org/llama.cpp).
 */
extern const uint16_t quant_grid_2_xxs[256], quant_grid_2_xs[512], quant_grid_2_s[1024], quant_grid_3_xxs[256],
	quant_grid_3_s[512], quant_grid_1[2048];
