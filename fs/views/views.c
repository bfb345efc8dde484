/* SPDX-License-Identifier: MIT */
#include "fs/views/views.h"

#include "fs/views/f32.h"
#include "fs/views/json.h"
#include "fs/views/lines.h"
#include "fs/views/npy.h"
#include "fs/views/png.h"
#include "fs/views/text.h"

const struct view views[VIEW_IDS] = {
	[VIEW_TOP] = {.files = VIEW_TOP, .write = view_json_write}, /* archive.json */
	[VIEW_NPY] = {.name = "npy", .suffix = ".npy", .directories = VIEW_NPY, .files = VIEW_NPY,
		      .exists = view_npy_exists, .size = view_npy_size, .read = view_npy_read},
	[VIEW_TEXT] = {.name = "text", .suffix = ".txt", .directories = VIEW_TEXT, .files = VIEW_TEXT, .columns = VIEW_LINES,
		       .exists = view_text_exists, .size = view_text_size, .read = view_text_read},
	[VIEW_LINES] = {.name = "text", .suffix = ".txt", .directories = VIEW_TEXT, .files = VIEW_LINES,
			.exists = view_lines_exists, .size = view_lines_size, .read = view_lines_read,
			.finds_end = view_lines_finds_end},
	[VIEW_JSON ... VIEW_JSON_FILE] = {.name = "json", .suffix = ".json", .directories = VIEW_JSON, .files = VIEW_JSON_FILE,
					  .write = view_json_write},
	[VIEW_F32] = {.name = "f32", .suffix = "", .directories = VIEW_F32, .files = VIEW_F32,
		      .exists = view_f32_exists, .size = view_f32_size, .read = view_f32_read, .array = view_f32_array},
	[VIEW_PNG] = {.name = "png", .suffix = ".png", .directories = VIEW_PNG, .files = VIEW_PNG,
		      .exists = view_png_exists, .size = view_png_size, .read = view_png_read},
	[VIEW_ORIGINAL] = {.name = "original", .suffix = "", .directories = VIEW_ORIGINAL, .files = VIEW_ORIGINAL, .original = true},
};
