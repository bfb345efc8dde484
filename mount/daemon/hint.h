/* SPDX-License-Identifier: MIT */
#pragma once

/* Says so where links in the folder SOURCE lead out of it, as in a snapshot of a model
 * hub: without -o follow they are links whose target the mount may not reach.  Looks at
 * its first names alone, and not through them. */
void hint_links(const char *source);
