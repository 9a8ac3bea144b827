/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mix [-n SESSIONS] [-p PROCESSES] [-c CONCURRENT] [-s SOURCES] [-S SEED] [-t MS] [-e ENDING,...] ADDR PORT: runs sessions with
 * tests/lib/serve.c, and ends each in a way that the seed draws from the list below (or from those named). A session that takes
 * longer than MS (2000) is reset and counts as a timeout. Prints one JSON object with the figures of each ending.
 */
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "tool.h"

enum ending { CLIENT_FIN, SERVER_FIN, CLIENT_RST, SERVER_RST, CLIENT_HALF, SERVER_HALF, ABORT, UNREAD, ENDINGS };

static const char *const ending_names[ENDINGS] = { "client-fin",  "server-fin",	 "client-rst", "server-rst",
						   "client-half", "server-half", "abort",      "unread" };

enum outcome { ATTEMPTED, DONE, CONNECTED, REFUSED, TIMEOUTS, FAILED, OUTCOMES };

static const char *const outcome_names[OUTCOMES] = {
	"attempted", "done", "connected", "refused", "timeouts", "failed"
};

enum step { FREE, CONNECTING, GREETING, CLOSING };

struct session {
	int fd;
	enum step step;
	enum ending ending;
	uint64_t end_us;
};

struct worker {
	int epoll, number, concurrent, busy;
	unsigned int seed;
	long left;
	struct session *sessions;
	long of[ENDINGS][OUTCOMES];
};

static struct tool_addrs sources;
static union tool_addr target;
static enum ending wanted[ENDINGS];
static unsigned int wanted_count;
static uint64_t patience_us = 2000000;

static void session_end(struct worker *w, struct session *s, enum outcome as)
{
	w->of[s->ending][as]++;
	if (as == TIMEOUTS)
		tool_reset(s->fd);
	else
		close(s->fd);
	s->step = FREE;
	w->busy--;
}

static void session_start(struct worker *w, struct session *s)
{
	struct epoll_event e = { .events = EPOLLOUT, .data.ptr = s };
	const union tool_addr *from = NULL;

	w->left--;
	s->ending = wanted[(unsigned int)rand_r(&w->seed) % wanted_count];
	if (sources.count)
		from = &sources.list[(size_t)rand_r(&w->seed) % sources.count];
	w->of[s->ending][ATTEMPTED]++;
	s->fd = tool_connect(from, &target);
	if (s->fd < 0) {
		w->of[s->ending][FAILED]++;
		return;
	}
	if (s->ending == ABORT) {
		tool_reset(s->fd);
		w->of[ABORT][DONE]++;
		return;
	}
	s->step = CONNECTING;
	s->end_us = tool_now_us() + patience_us;
	w->busy++;
	epoll_ctl(w->epoll, EPOLL_CTL_ADD, s->fd, &e);
}

static void session_connected(struct worker *w, struct session *s)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = s };
	socklen_t len = sizeof(int);
	int err = 0;

	getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err) {
		session_end(w, s, err == ECONNREFUSED ? REFUSED : FAILED);
		return;
	}
	w->of[s->ending][CONNECTED]++;
	if (s->ending == UNREAD) {
		session_end(w, s, DONE);
		return;
	}
	s->step = GREETING;
	epoll_ctl(w->epoll, EPOLL_CTL_MOD, s->fd, &e);
}

/* The server has greeted, so the session ends now. */
static void session_greeted(struct worker *w, struct session *s)
{
	static const char letters[ENDINGS] = { [SERVER_FIN] = 'F', [SERVER_RST] = 'R', [SERVER_HALF] = 'H' };

	s->step = CLOSING;
	if (letters[s->ending]) {
		send(s->fd, &letters[s->ending], 1, MSG_NOSIGNAL);
	} else if (s->ending == CLIENT_HALF) {
		shutdown(s->fd, SHUT_WR);
	} else if (s->ending == CLIENT_FIN) {
		session_end(w, s, DONE);
	} else {
		tool_reset(s->fd);
		s->fd = -1;
		session_end(w, s, DONE);
	}
}

static void session_event(struct worker *w, struct session *s)
{
	char text[512];
	ssize_t n;

	if (s->step == CONNECTING) {
		session_connected(w, s);
		return;
	}
	n = recv(s->fd, text, sizeof(text), 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (s->step == GREETING && n > 0)
		session_greeted(w, s);
	else if (s->step == GREETING)
		session_end(w, s, FAILED);
	else if (n <= 0)
		session_end(w, s, DONE);
}

static void sessions_turn(struct worker *w)
{
	uint64_t now = tool_now_us();
	struct session *s;

	for (s = w->sessions; s < w->sessions + w->concurrent; s++) {
		if (s->step != FREE && now > s->end_us)
			session_end(w, s, TIMEOUTS);
		if (s->step == FREE && w->left > 0)
			session_start(w, s);
	}
}

static void worker_run(struct worker *w, int out)
{
	struct epoll_event events[256];
	int i, n;

	w->epoll = (int)tool_ok(epoll_create1(0), "epoll");
	w->sessions = calloc((size_t)w->concurrent, sizeof(*w->sessions));
	if (!w->sessions)
		tool_die("sessions", "out of memory");
	while (w->left > 0 || w->busy) {
		sessions_turn(w);
		n = epoll_wait(w->epoll, events, 256, w->left > 0 && w->busy < w->concurrent ? 0 : 20);
		for (i = 0; i < n; i++)
			session_event(w, events[i].data.ptr);
	}
	tool_ok(write(out, w->of, sizeof(w->of)), "report");
	exit(0);
}

static void print(const long of[ENDINGS][OUTCOMES], double seconds)
{
	long total = 0;
	int e, o;

	printf("{\"endings\": {");
	for (e = 0; e < ENDINGS; e++) {
		printf("%s\"%s\": {", e ? ", " : "", ending_names[e]);
		for (o = 0; o < OUTCOMES; o++)
			printf("%s\"%s\": %ld", o ? ", " : "", outcome_names[o], of[e][o]);
		printf("}");
		total += of[e][ATTEMPTED];
	}
	printf("}, \"sessions\": %ld, \"seconds\": %.3f, \"per_second\": %.0f}\n", total, seconds,
	       (double)total / seconds);
}

static void mix(const struct worker *model, int processes, long sessions)
{
	long sum[ENDINGS][OUTCOMES] = { 0 }, of[ENDINGS][OUTCOMES];
	uint64_t start = tool_now_us();
	int pair[2], i, e, o;

	tool_ok(pipe(pair), "pipe");
	for (i = 0; i < processes; i++) {
		struct worker w = *model;

		w.number = i;
		w.seed += (unsigned int)i * 7919;
		w.left = sessions / processes + (i < sessions % processes);
		if (!tool_ok(fork(), "fork"))
			worker_run(&w, pair[1]);
	}
	close(pair[1]);
	while (read(pair[0], of, sizeof(of)) == sizeof(of))
		for (e = 0; e < ENDINGS; e++)
			for (o = 0; o < OUTCOMES; o++)
				sum[e][o] += of[e][o];
	while (wait(NULL) > 0)
		;
	print(sum, (double)(tool_now_us() - start) / 1e6);
}

static void endings_parse(char *text)
{
	char *save = NULL, *word;
	int e;

	for (word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		for (e = 0; e < ENDINGS && strcmp(word, ending_names[e]); e++)
			;
		if (e == ENDINGS || wanted_count == ENDINGS)
			tool_die(word, "no such ending");
		wanted[wanted_count++] = (enum ending)e;
	}
}

int main(int argc, char **argv)
{
	struct worker model = { .concurrent = 50, .seed = 1 };
	int processes = 2, c;
	long sessions = 1000;

	while ((c = getopt(argc, argv, "n:p:c:s:S:t:e:")) != -1) {
		switch (c) {
		case 'n':
			sessions = atol(optarg);
			break;
		case 'p':
			processes = atoi(optarg);
			break;
		case 'c':
			model.concurrent = atoi(optarg);
			break;
		case 's':
			sources = tool_addrs_parse(optarg);
			break;
		case 'S':
			model.seed = (unsigned int)atol(optarg);
			break;
		case 't':
			patience_us = (uint64_t)atol(optarg) * 1000;
			break;
		case 'e':
			endings_parse(optarg);
			break;
		default:
			return 2;
		}
	}
	if (optind + 2 != argc || processes < 1)
		tool_die("usage",
			 "mix [-n SESSIONS] [-p PROCESSES] [-c CONCURRENT] [-s SOURCES] [-S SEED] [-t MS] ADDR PORT");
	if (!wanted_count)
		for (; wanted_count < ENDINGS; wanted_count++)
			wanted[wanted_count] = (enum ending)wanted_count;
	target = tool_addr_parse(argv[optind], (uint16_t)atoi(argv[optind + 1]));
	signal(SIGPIPE, SIG_IGN);
	tool_many_files();
	mix(&model, processes, sessions);
	return 0;
}
