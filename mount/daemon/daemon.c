/* SPDX-License-Identifier: MIT */
#include "mount/daemon/daemon.h"

#include <errno.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>

#include "mount/daemon/device.h"
#include "mount/daemon/fuse.h"
#include "mount/daemon/hint.h"
#include "mount/daemon/keeper.h"
#include "mount/daemon/ops.h"
#include "mount/log.h"
#include "mount/sandbox.h"
#include "mount/source.h"

/* Seconds until a message tells the waiting user that the mount takes long. */
enum { A_WHILE = 10 };

/* The state of one mount. */
struct daemon {
	struct mount mount;
	const struct options *options;
	char *list;    /* libfuse's option list */
	bool handed;   /* the mountpoint is /dev/fd/N: already mounted, by somebody else */
	int parent;    /* a pipe to the waiting parent process, or -1 */
	struct keeper keeper;
	unsigned threads;
};

/* --- the parent -------------------------------------------------------- */

static const int endings[] = {SIGTERM, SIGINT, SIGHUP};
static pid_t started;

/* The user gave up waiting for the mount: take the daemon down, too. */
static void give_up(int sig)
{
	kill(started, SIGTERM);
	signal(sig, SIG_DFL);
	raise(sig);
}

/* Forks the process that will serve. The parent waits until the mount answers or the
 * child fails, and returns the exit code; the child returns -1, and the pipe to notify
 * the parent by. */
static int split_off(const char *source, int *ret_pipe)
{
	int ends[2];
	char word;
	*ret_pipe = -1;
	if (pipe2(ends, O_CLOEXEC) < 0) {
		log_say("cannot start a daemon: %s", strerror(errno));
		return 1;
	}
	pid_t pid = fork();
	if (pid < 0) {
		log_say("cannot start a daemon: %s", strerror(errno));
		return 1;
	}
	if (pid == 0) {
		close(ends[0]);
		setsid();
		*ret_pipe = ends[1];
		return -1;
	}
	close(ends[1]);
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
		if (signal(endings[i], give_up) == SIG_IGN)
			signal(endings[i], SIG_IGN);
	started = pid;
	bool told = false;
	while (poll(&(struct pollfd){.fd = ends[0], .events = POLLIN}, 1, told ? -1 : A_WHILE * 1000) <= 0)
		if (!told) {
			log_say("%s: not mounted after %d seconds: neither it nor the mount has answered yet (Ctrl-C gives up)", source, A_WHILE);
			told = true;
		}
	return read(ends[0], &word, 1) == 1 ? 0 : 1; /* EOF: the child failed, and has said why */
}

/* --- once it is mounted ------------------------------------------------ */

/* FUSE_INIT has arrived: detaches from the terminal, and releases the waiting parent
 * unless the keeper does. */
static void on_ready(struct mount *m)
{
	struct daemon *d = (struct daemon *)(void *)m;
	log_go();
	if (d->parent < 0)
		return;
	while (write(d->parent, "1", 1) < 0 && errno == EINTR)
		;
	close(d->parent);
	d->parent = -1;
}

static int loop(struct daemon *d, struct fuse_session *se)
{
	if (d->options->single_threaded)
		return fuse_session_loop(se);
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	fuse_loop_cfg_set_max_threads(config, d->threads);
	int r = fuse_session_loop_mt(se, config);
	fuse_loop_cfg_destroy(config);
	return r;
}

/* Has the mount been unmounted? Then the kernel has closed its end of the connection. */
static bool is_unmounted(int device)
{
	struct pollfd p = {.fd = device};
	return poll(&p, 1, 0) == 1 && p.revents & POLLERR;
}

/* --- an end that is overdue ---------------------------------------------- */

/* Requests that block on a disk that does not answer delay the session's end for as long.
 * But the mount must go, and nothing can be lost: so the process exits without finishing
 * them. */
static struct {
	struct daemon *daemon;
	int device;
	void (*libfuses)(int sig);
} ending;

_Noreturn static void on_overdue(int sig)
{
	(void)sig;
	if (!ending.daemon->handed)
		keeper_end(&ending.daemon->keeper, is_unmounted(ending.device));
	_exit(0);
}

static void on_signal(int sig)
{
	alarm(DEVICE_PATIENCE);
	ending.libfuses(sig);
}

/* Wraps libfuse's signal handlers. */
static void bound_the_end(struct daemon *d, int device)
{
	struct sigaction act;
	ending.daemon = d;
	ending.device = device;
	signal(SIGALRM, on_overdue);
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
		if (sigaction(endings[i], NULL, &act) == 0) {
			ending.libfuses = act.sa_handler;
			act.sa_handler = on_signal;
			sigaction(endings[i], &act, NULL);
		}
}

/* Serves the device until it is unmounted or a signal arrives; *ret_unmounted says
 * whether it has been unmounted. */
static int serve(struct daemon *d, int device, bool *ret_unmounted)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_session *se = NULL;
	int r = 1;

	if (fuse_opt_add_arg(&args, "arrayfs") == 0 && fuse_opt_add_arg(&args, "-o") == 0 && fuse_opt_add_arg(&args, d->list) == 0)
		se = fuse_session_new(&args, &mount_ops, sizeof mount_ops, &d->mount);
	fuse_opt_free_args(&args);
	/* libfuse does not handle signals that our parent ignores (nohup, a shell's "&");
	 * but these must end a mount whoever started it. */
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
		signal(endings[i], SIG_DFL);
	if (!se || device_attach(se, device) < 0 || fuse_set_signal_handlers(se) < 0) {
		log_say("%s: cannot be served", d->options->destination);
	} else {
		mount_watch(&d->mount, se);
		bound_the_end(d, device);
		r = loop(d, se) < 0; /* a positive result is a signal's number, no failure */
		signal(SIGALRM, SIG_IGN);
		mount_watch_end(&d->mount);
		*ret_unmounted = is_unmounted(device);
		fuse_remove_signal_handlers(se);
	}
	if (se)
		fuse_session_destroy(se); /* ends the connection */
	return r;
}

/* --- mounting ---------------------------------------------------------- */

__attribute__((format(printf, 2, 0)))
static void on_fuse_log(enum fuse_log_level level, const char *format, va_list args)
{
	char text[512];
	vsnprintf(text, sizeof text, format, args);
	text[strcspn(text, "\n")] = '\0';
	(void)level;
	if (log_capturing()) /* while mounting: joins the captured output of fusermount3 */
		fprintf(stderr, "%s\n", text);
	else if (strstr(text, "writing device: Bad address")) /* a file truncated meanwhile: its reader got EIO */
		return;
	else
		log_say("%s", strncmp(text, "fuse: ", 6) == 0 ? text + 6 : text);
}

/* Escapes a value for libfuse's option list. */
static char *escaped(const char *text)
{
	char *ret = malloc(2 * strlen(text) + 1), *to = ret;
	for (; ret && *text; *to++ = *text++)
		if (*text == ',' || *text == '\\')
			*to++ = '\\';
	if (ret)
		*to = '\0';
	return ret;
}

/* Makes libfuse's option list, for the keeper (which mounts) and for the session. */
static char *option_list(const struct options *o)
{
	char *real = realpath(o->source, NULL), *name = escaped(real ? real : o->source), *list = NULL;
	bool named = strstr(o->fuse, "fsname=");
	if (name && asprintf(&list, "ro,nosuid,nodev,default_permissions,subtype=arrayfs%s%s%s%s", *o->fuse ? "," : "",
			     o->fuse, named ? "" : ",fsname=", named ? "" : name) < 0)
		list = NULL;
	free(name);
	free(real);
	return list;
}

/* Lets a mirrored directory that contains the mountpoint show the directory below the mount. */
static void cover(struct daemon *d, const struct kept *kept)
{
	char base[PATH_MAX];
	strcpy(base, kept->path);
	/* kept->covered stays open, since it holds the lock until the very end: see
	 * mount/daemon/mountpoint.h. */
	int covered = kept->covered < 0 || d->mount.fixed ? -1 : fcntl(kept->covered, F_DUPFD_CLOEXEC, 3);
	if (kept->parent >= 0 && covered >= 0)
		mirror_cover(d->mount.mirror, kept->parent, basename(base), covered);
	if (kept->parent >= 0)
		close(kept->parent);
}

static int run(struct daemon *d)
{
	struct kept kept = {.parent = -1, .covered = -1};
	struct mountpoint handed;
	struct error err = {0};
	bool unmounted = false;
	if (!d->handed && keeper_mount(&d->keeper, &kept) < 0)
		return 1;
	if (d->handed && mountpoint_prepare(&handed, d->options->destination, false, &err) < 0) {
		log_say("%s: %s", d->options->destination, err.text);
		return 1;
	}
	if (d->handed)
		kept.device = atoi(d->options->destination + strlen("/dev/fd/"));
	d->mount.passthrough.keeper = d->handed || geteuid() != 0 ? NULL : &d->keeper;
	d->mount.passthrough.device = kept.device;
	cover(d, &kept);
	int r = serve(d, kept.device, &unmounted);
	if (!d->handed)
		keeper_end(&d->keeper, unmounted);
	return r;
}

/* Enters the sandbox and opens SOURCE. */
static int open_source(struct daemon *d, struct opened *ret)
{
	const struct options *o = d->options;
	int r = source_command_open(ret, o);
	if (r)
		return r;
	d->threads = ret->limits.threads;
	d->mount.mirror = ret->mirror;
	d->mount.fixed = mirror_is_archive(ret->mirror);
	/* A mount made by somebody else may be writable: then we must see opens, to
	 * refuse them. */
	d->mount.stateless = mirror_is_stateless(ret->mirror) && !d->handed;
	return 0;
}

int daemon_run(const struct options *o)
{
	struct daemon d = {.options = o, .parent = -1, .mount.source = o->source, .mount.options = o->mount, .mount.debug = o->debug,
			   .mount.ready = on_ready, .handed = strncmp(o->destination, "/dev/fd/", 8) == 0};
	struct opened opened;
	int r = log_prepare(o->log, o->foreground, o->debug);
	if (r)
		return r;
	if (!o->foreground) {
		int code = split_off(o->source, &d.parent);
		if (code >= 0)
			return code;
	}
	hint_word(o->destination);
	if (!o->follow && !o->dataset)
		hint_links(o->source);
	if (!o->dataset)
		hint_dataset(o->source);
	fuse_set_log_func(on_fuse_log);
	d.mount.real = realpath(o->source, NULL);
	d.list = option_list(o);
	if (!d.list || (!d.handed && (r = keeper_start(&d.keeper, o, d.list, d.parent)) < 0)) {
		log_say("cannot start a daemon: %s", strerror(d.list ? -r : ENOMEM));
		return 1;
	}
	if (!d.handed)
		d.parent = -1; /* the keeper notifies the parent */
	r = open_source(&d, &opened);
	if (r == 0) {
		if (chdir("/") < 0) /* so as not to keep a file system busy */
			log_say("/: %s", strerror(errno));
		mount_init(&d.mount);
		r = run(&d);
		if (!d.mount.stuck) {
			mount_close(&d.mount);
			source_command_close(&opened);
		}
	}
	free(d.list);
	return r;
}
