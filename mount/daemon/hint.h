/* SPDX-License-Identifier: MIT */
#pragma once

/* Logs a hint if symbolic links in the folder SOURCE lead out of it, as in a snapshot of
 * a model hub: without -o follow they are shown as links, whose targets may be out of
 * reach. Checks the folder's first names only, and does not descend. */
void hint_links(const char *source);
