/* SPDX-License-Identifier: MIT */
/* What has been done so far: .arrayfs/stats.json and .arrayfs/metrics. */
#include <inttypes.h>
#include <sys/resource.h>

#include "fs/blocks/blocks.h"
#include "fs/mirror/impl.h"

/* Peak resident memory. The current value is only in /proc, which a sandboxed process cannot
 * see. */
static uint64_t resident_most(void)
{
	struct rusage usage;
	return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss * 1024 : 0;
}

static struct blocks_stats of_blocks(const struct mirror *m)
{
	struct blocks_stats b = {0};
	if (m->options.archive.blocks)
		blocks_stats(m->options.archive.blocks, &b);
	return b;
}

uint64_t mirror_failed_reads(const struct mirror *m)
{
	return atomic_load(&m->failed);
}

void mirror_stats(struct mirror *m, struct text *t)
{
	struct blocks_stats b = of_blocks(m);
	text_print(t, "{\"requests\":{\"lookup\":%" PRIu64 ",\"stat\":%" PRIu64 ",\"list\":%" PRIu64 ",\"read\":%" PRIu64
		      ",\"failed\":%" PRIu64 "},\"bytes\":%" PRIu64,
		   atomic_load(&m->lookups), atomic_load(&m->stats), atomic_load(&m->listings), atomic_load(&m->reads),
		   atomic_load(&m->failed), atomic_load(&m->bytes));
	text_print(t, ",\"cache\":{\"hits\":%" PRIu64 ",\"decoded\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"bytes\":%" PRIu64
		      ",\"seconds\":%.6f,\"used\":%zu,\"budget\":%zu}",
		   b.hits, b.decoded, b.failed, b.bytes, (double)b.nanoseconds / 1e9, b.used, b.budget);
	text_print(t, ",\"archives_open\":%u,\"files_open\":%u,\"resident_most\":%" PRIu64 "}\n", mirror_archives_open(m),
		   atomic_load(&m->files), resident_most());
}

/* --- in Prometheus' text format, 0.0.4 -------------------------------------- */

static void head(struct text *t, const char *name, const char *type, const char *help)
{
	text_print(t, "# HELP arrayfs_%s %s\n# TYPE arrayfs_%s %s\n", name, help, name, type);
}

static void counter(struct text *t, const char *name, uint64_t value, const char *help)
{
	head(t, name, "counter", help);
	text_print(t, "arrayfs_%s %" PRIu64 "\n", name, value);
}

static void gauge(struct text *t, const char *name, uint64_t value, const char *help)
{
	head(t, name, "gauge", help);
	text_print(t, "arrayfs_%s %" PRIu64 "\n", name, value);
}

static void requests(struct mirror *m, struct text *t)
{
	const struct {
		const char *kind;
		uint64_t count;
	} all[] = {{"lookup", atomic_load(&m->lookups)}, {"stat", atomic_load(&m->stats)}, {"list", atomic_load(&m->listings)},
		   {"read", atomic_load(&m->reads)}};
	head(t, "requests_total", "counter", "Requests by the kernel, by kind.");
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		text_print(t, "arrayfs_requests_total{kind=\"%s\"} %" PRIu64 "\n", all[i].kind, all[i].count);
}

void mirror_metrics(struct mirror *m, struct text *t)
{
	struct blocks_stats b = of_blocks(m);
	requests(m, t);
	counter(t, "failed_reads_total", atomic_load(&m->failed), "Reads that were answered with an error.");
	counter(t, "read_bytes_total", atomic_load(&m->bytes), "Bytes that reads were answered with.");
	counter(t, "cache_hits_total", b.hits, "Decoded blocks that were found in the cache.");
	counter(t, "cache_decoded_total", b.decoded, "Blocks that were decoded.");
	counter(t, "cache_failed_total", b.failed, "Blocks that could not be decoded.");
	counter(t, "cache_decoded_bytes_total", b.bytes, "Bytes that blocks were decoded to.");
	head(t, "cache_decoding_seconds_total", "counter", "Time spent on decoding, of all threads.");
	text_print(t, "arrayfs_cache_decoding_seconds_total %.6f\n", (double)b.nanoseconds / 1e9);
	gauge(t, "cache_used_bytes", b.used, "Memory that decoded blocks take.");
	gauge(t, "cache_budget_bytes", b.budget, "Memory that decoded blocks may take.");
	gauge(t, "archives_open", mirror_archives_open(m), "Archives that are open.");
	gauge(t, "files_open", atomic_load(&m->files), "Files and directories passed through that are open.");
	gauge(t, "resident_memory_peak_bytes", resident_most(), "The most memory that was resident so far.");
}
