/* SPDX-License-Identifier: MIT */
#pragma once

/* Logs a hint if symbolic links in the folder SOURCE lead out of it, as in a snapshot of
 * a model hub: without -o follow they are shown as links, whose targets may be out of
 * reach. Checks the folder's first names only, and does not descend. */
void hint_links(const char *source);

/* Logs a hint if a mountpoint that is to be made is called as a command is. */
void hint_word(const char *mountpoint);

/* Logs a hint if the folder SOURCE is one that Hugging Face's datasets wrote, or a checkpoint of
 * torch.distributed: without -o dataset it is shown file by file. */
void hint_dataset(const char *source);

/* Why nothing can be mounted, and what would help: `words`, those of libfuse and fusermount3, or better
 * ones, in `ret`. */
enum { HINT_MOUNT = 512 };
const char *hint_mount(const char *words, char ret[HINT_MOUNT]);
