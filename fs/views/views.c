/* SPDX-License-Identifier: MIT */
#include "fs/views/views.h"

#include "fs/views/f32.h"
#include "fs/views/json.h"
#include "fs/views/npy.h"
#include "fs/views/text.h"

const struct view views[VIEW_IDS] = {
	[VIEW_TOP] = {.files = VIEW_TOP, .write = view_json_write}, /* archive.json */
	[VIEW_NPY] = {"npy", ".npy", VIEW_NPY, VIEW_NPY, view_npy_exists, view_npy_size, view_npy_read, NULL, NULL},
	[VIEW_TEXT] = {"text", ".txt", VIEW_TEXT, VIEW_TEXT, view_text_exists, view_text_size, view_text_read, NULL, NULL},
	[VIEW_JSON ... VIEW_JSON_FILE] = {"json", ".json", VIEW_JSON, VIEW_JSON_FILE, NULL, NULL, NULL, view_json_write, NULL},
	[VIEW_F32] = {"f32", "", VIEW_F32, VIEW_F32, view_f32_exists, view_f32_size, view_f32_read, NULL, view_f32_array},
};
