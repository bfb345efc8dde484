/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/zip.h"
#include "formats/torch/torch.h"

/* The records of a zip of PyTorch's: f->keep has them. */
struct torch_zip {
	struct zip zip;
	struct slice root;  /* the folder that all lie in: the first component of the first record's name */
	const char *folder; /* of storages, below that */
	_Atomic uint32_t next; /* the record after that of the storage found last */
};

/* Reads the records of the zip in f->source, and its byte order. */
int torch_zip_read(struct torch_file *f, struct torch_zip *z, struct error *err);

/* Reads data.pkl; what it holds is shown by torch_show(), or looked at. */
int torch_zip_open(struct torch_file *f, struct torch_zip *z, struct error *err);

/* The record ROOT/folderNAME, or NULL. */
const struct zip_member *torch_record(const struct torch_zip *z, const char *folder, struct slice name);

/* A short record, without trailing spaces; "" if there is none. */
int torch_record_text(const struct torch_file *f, const struct torch_zip *z, const char *name, char *ret, size_t room, struct error *err);

/* Shows what torch.export wrote: pt2.c. */
int torch_pt2_show(struct torch_file *f, const struct torch_zip *z, struct error *err);
