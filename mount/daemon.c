/* SPDX-License-Identifier: MIT */
#include "mount/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "mount/fuse.h"
#include "mount/log.h"
#include "mount/mountpoint.h"
#include "mount/ops.h"
#include "mount/source.h"

/* Requests wait in a thread each, and one that waits for a slow disk must not
 * hold up the others. */
enum { THREADS_MAX = 64, READ_AHEAD_KB = 1024 };

/* What the parts of one mount know of each other. */
struct daemon {
	struct mount mount;
	const struct options *options;
	struct mountpoint point;
	int parent;           /* a pipe to the process that was started, or -1 */
	bool initialised;
	pthread_mutex_t lock;
	pthread_cond_t initialisation;
};

/* --- the parent -------------------------------------------------------- */

/* Splits off the process that is to serve.  In the parent, which waits for the
 * mount to answer or the child to fail, returns the exit code; in the child -1,
 * and the pipe to tell the parent by. */
static int split_off(int *ret_pipe)
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
	ssize_t n;
	while ((n = read(ends[0], &word, 1)) < 0 && errno == EINTR)
		;
	return n == 1 ? 0 : 1; /* without a word it has failed, and said why */
}

/* The mount answers: lets the parent go, and the terminal. */
static void leave_parent(struct daemon *d)
{
	if (d->parent < 0)
		return;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	log_to_system();
	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
	while (write(d->parent, "1", 1) < 0 && errno == EINTR)
		;
	close(d->parent);
	d->parent = -1;
}

/* --- once it is mounted ------------------------------------------------ */

static void on_ready(struct mount *m)
{
	struct daemon *d = (struct daemon *)(void *)m;
	pthread_mutex_lock(&d->lock);
	d->initialised = true;
	pthread_cond_signal(&d->initialisation);
	pthread_mutex_unlock(&d->lock);
}

/* Only root may raise it, and only by this file: the largest single gain there
 * is for reading a file from one end to the other. */
static void raise_read_ahead(dev_t dev)
{
	char path[64], text[16];
	snprintf(path, sizeof path, "/sys/class/bdi/%u:%u/read_ahead_kb", major(dev), minor(dev));
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int n = snprintf(text, sizeof text, "%d", READ_AHEAD_KB);
	if (fd >= 0 && write(fd, text, (size_t)n) < 0 && errno != EACCES)
		log_say("%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* Waits, beside those who serve, for the session to be agreed upon and for the
 * first answer; then tells that it is there. */
static void *greet(void *arg)
{
	struct daemon *d = arg;
	struct stat st;
	pthread_mutex_lock(&d->lock);
	while (!d->initialised)
		pthread_cond_wait(&d->initialisation, &d->lock);
	pthread_mutex_unlock(&d->lock);
	if (!d->point.handed && stat(d->point.path, &st) == 0)
		raise_read_ahead(st.st_dev);
	leave_parent(d);
	return NULL;
}

static int serve(struct daemon *d, struct fuse_session *se)
{
	pthread_t greeter;
	int r;
	/* libfuse leaves alone what our parent ignores (nohup, a shell's "&"); these
	 * end a mount whoever started it. */
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	if (fuse_set_signal_handlers(se) < 0) {
		log_say("%s: signals cannot be handled", d->options->destination);
		return 1;
	}
	if ((r = pthread_create(&greeter, NULL, greet, d)) != 0) {
		log_say("%s: %s", d->options->destination, strerror(r));
		return 1;
	}
	if (d->options->single_threaded) {
		r = fuse_session_loop(se);
	} else {
		struct fuse_loop_config *config = fuse_loop_cfg_create();
		fuse_loop_cfg_set_max_threads(config, THREADS_MAX);
		r = fuse_session_loop_mt(se, config);
		fuse_loop_cfg_destroy(config);
	}
	on_ready(&d->mount); /* if it ended before it began */
	fuse_remove_signal_handlers(se);
	fuse_session_unmount(se);
	pthread_join(greeter, NULL);
	return r < 0 ? 1 : 0; /* a signal's number is no failure */
}

/* --- mounting ---------------------------------------------------------- */

__attribute__((format(printf, 2, 0)))
static void on_fuse_log(enum fuse_log_level level, const char *format, va_list args)
{
	char text[512];
	vsnprintf(text, sizeof text, format, args);
	text[strcspn(text, "\n")] = '\0';
	(void)level;
	if (log_capturing()) /* while mounting, with what the helper prints */
		fprintf(stderr, "%s\n", text);
	else if (strstr(text, "writing device: Bad address")) /* a file that was cut meanwhile: its reader is told */
		return;
	else
		log_say("%s", strncmp(text, "fuse: ", 6) == 0 ? text + 6 : text);
}

/* Everything that stands in a word of libfuse's option list must be escaped. */
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

static struct fuse_session *new_session(struct daemon *d)
{
	const struct options *o = d->options;
	char *real = realpath(o->source, NULL), *name = escaped(real ? real : o->source), *list = NULL;
	const char *fsname = strstr(o->fuse, "fsname=") ? "" : "fsname=";
	struct fuse_session *se = NULL;

	if (name && asprintf(&list, "ro,nosuid,nodev,default_permissions,subtype=arrayfs%s%s%s%s%s", *o->fuse ? "," : "",
			     o->fuse, *fsname ? "," : "", fsname, *fsname ? name : "") >= 0) {
		struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
		if (fuse_opt_add_arg(&args, "arrayfs") == 0 && fuse_opt_add_arg(&args, "-o") == 0 &&
		    fuse_opt_add_arg(&args, list) == 0)
			se = fuse_session_new(&args, &mount_ops, sizeof mount_ops, &d->mount);
		fuse_opt_free_args(&args);
		free(list);
	}
	free(name);
	free(real);
	return se;
}

/* Mounts; what libfuse and its helper have to say becomes our sentence. */
static struct fuse_session *mount_session(struct daemon *d)
{
	char words[512];
	int capture = log_capture_begin();
	fuse_set_log_func(on_fuse_log);
	struct fuse_session *se = new_session(d);
	bool mounted = se && fuse_session_mount(se, d->point.path) == 0;
	fflush(stderr);
	log_capture_end(capture, words, sizeof words);
	if (mounted)
		return se;
	log_say("%s: cannot be mounted: %s", d->options->destination, *words ? words : "libfuse gives no reason");
	if (se)
		fuse_session_destroy(se);
	return NULL;
}

/* Lets a mirrored directory show what lies below its own mountpoint. */
static void cover(struct daemon *d)
{
	char path[PATH_MAX], base[PATH_MAX];
	if (d->point.handed || d->mount.fixed)
		return;
	strcpy(path, d->point.path);
	strcpy(base, d->point.path);
	int parent = open(dirname(path), O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = fcntl(d->point.dir, F_DUPFD_CLOEXEC, 3);
	if (parent >= 0 && fd >= 0)
		mirror_cover(d->mount.mirror, parent, basename(base), fd);
	if (parent >= 0)
		close(parent);
}

static int run(struct daemon *d)
{
	struct error err = {0};
	if (mountpoint_prepare(&d->point, d->options->destination, d->options->nonempty, &err) < 0) {
		log_say("%s: %s", d->options->destination, err.text);
		return 1;
	}
	cover(d);
	struct fuse_session *se = mount_session(d);
	int r = se ? serve(d, se) : 1;
	if (se)
		fuse_session_destroy(se);
	mountpoint_finish(&d->point);
	return r;
}

int daemon_run(const struct options *o)
{
	struct daemon d = {.options = o, .parent = -1, .mount.source = o->source, .mount.debug = o->debug,
			   .mount.ready = on_ready};
	if (!o->foreground) {
		int code = split_off(&d.parent);
		if (code >= 0)
			return code;
	}
	struct opened opened;
	int r = source_command_open(&opened, o);
	if (r)
		return r;
	pthread_mutex_init(&d.lock, NULL);
	pthread_cond_init(&d.initialisation, NULL);
	d.mount.mirror = opened.mirror;
	d.mount.fixed = mirror_is_archive(opened.mirror);
	/* One that was handed over may be mounted writable: then we refuse, at open. */
	d.mount.stateless = mirror_is_stateless(opened.mirror) && strncmp(o->destination, "/dev/fd/", 8) != 0;
	mount_init(&d.mount);
	prctl(PR_SET_DUMPABLE, 0);
	r = run(&d);
	mount_close(&d.mount);
	source_command_close(&opened);
	return r;
}
