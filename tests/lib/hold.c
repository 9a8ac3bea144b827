/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hold [-n N] [-p PROCESSES] [-t WAIT_MS] [-s SOURCES] ADDR PORT: opens N connections at once, waits until each is greeted or
 * refused (WAIT_MS at most), and prints one JSON line of how many are connected (still alive), greeted (those of them to which
 * the server spoke), refused, failed, pending, ended (by the server) and closed (by us). It holds them, does what its standard
 * input says, and answers each with another such line:
 *   open N | close N | count | abandon (give up the pending ones) | wait MS | quit (or the end of the input)
 * SOURCES is ADDR,ADDR+COUNT,..., which are used in turn.
 */
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "tool.h"

enum state { PENDING, CONNECTED, REFUSED, FAILED, ENDED, CLOSED, STATES };

static const char *const state_names[STATES] = { "pending", "connected", "refused", "failed", "ended", "closed" };

struct order {
	char verb; /* o(pen), c(lose), a(bandon), p(oll) */
	int count, wait_ms;
};

struct report {
	int of[STATES], greeted;
};

struct conn {
	int fd;
	enum state state;
	bool greeted;
};

struct worker {
	int number, orders, epoll, count, used;
	struct conn *conns;
};

static struct tool_addrs sources;
static union tool_addr target;
static int processes = 1;

static void conn_end(struct conn *c, enum state as)
{
	close(c->fd);
	c->fd = -1;
	c->state = as;
}

static void conn_read(struct conn *c)
{
	char text[512];
	ssize_t n;

	while ((n = recv(c->fd, text, sizeof(text), 0)) > 0)
		c->greeted = true;
	if (n == 0 || errno != EAGAIN)
		conn_end(c, ENDED);
}

static void conn_event(struct conn *c)
{
	socklen_t len = sizeof(int);
	int err = 0;

	if (c->state == PENDING) {
		getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len);
		if (err)
			conn_end(c, err == ECONNREFUSED ? REFUSED : FAILED);
		else
			c->state = CONNECTED;
	}
	if (c->state == CONNECTED)
		conn_read(c);
}

static void worker_open(struct worker *w, int count)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };
	struct conn *c;
	size_t turn;
	int i;

	w->conns = realloc(w->conns, (size_t)(w->count + count + 1) * sizeof(*w->conns));
	if (!w->conns)
		tool_die("connections", "out of memory");
	for (i = 0; i < count; i++) {
		turn = (size_t)w->used++ * (size_t)processes + (size_t)w->number;
		c = &w->conns[w->count];
		c->greeted = false;
		c->fd = tool_connect(sources.count ? &sources.list[turn % sources.count] : NULL, &target);
		c->state = c->fd >= 0 ? PENDING : c->fd == -ECONNREFUSED ? REFUSED : FAILED;
		e.data.u32 = (uint32_t)w->count++;
		if (c->fd >= 0)
			epoll_ctl(w->epoll, EPOLL_CTL_ADD, c->fd, &e);
	}
}

/* Says whether it is known of every connection what became of it. */
static bool worker_settled(const struct worker *w)
{
	int i;

	for (i = 0; i < w->count; i++)
		if (w->conns[i].state == PENDING || (w->conns[i].state == CONNECTED && !w->conns[i].greeted))
			return false;
	return true;
}

static void worker_wait(struct worker *w, int wait_ms, bool settle)
{
	uint64_t end = tool_now_us() + (uint64_t)wait_ms * 1000, now;
	struct epoll_event events[128];
	struct conn *c;
	int i, n;

	do {
		now = tool_now_us();
		n = epoll_wait(w->epoll, events, 128, now < end ? (int)((end - now + 999) / 1000) : 0);
		for (i = 0; i < n; i++) {
			c = &w->conns[events[i].data.u32];
			if (c->fd >= 0)
				conn_event(c);
		}
		if (settle && worker_settled(w))
			return;
	} while (n > 0 || now < end);
}

static void worker_close(struct worker *w, enum state which, int count)
{
	int i;

	for (i = 0; i < w->count && count > 0; i++) {
		if (w->conns[i].state != which)
			continue;
		conn_end(&w->conns[i], CLOSED);
		count--;
	}
}

static void worker_run(struct worker *w)
{
	struct report r;
	struct order o;
	int i;

	w->epoll = (int)tool_ok(epoll_create1(0), "epoll");
	while (read(w->orders, &o, sizeof(o)) == sizeof(o)) {
		if (o.verb == 'o')
			worker_open(w, o.count);
		else if (o.verb == 'c')
			worker_close(w, CONNECTED, o.count);
		else if (o.verb == 'a')
			worker_close(w, PENDING, w->count);
		worker_wait(w, o.wait_ms, o.verb == 'o');
		memset(&r, 0, sizeof(r));
		for (i = 0; i < w->count; i++) {
			r.of[w->conns[i].state]++;
			r.greeted += w->conns[i].state == CONNECTED && w->conns[i].greeted;
		}
		tool_ok(write(w->orders, &r, sizeof(r)), "report");
	}
	_exit(0);
}

static int *workers_start(void)
{
	int *orders = calloc((size_t)processes, sizeof(*orders)), pair[2], i;

	if (!orders)
		tool_die("workers", "out of memory");
	for (i = 0; i < processes; i++) {
		struct worker w = { .number = i };

		tool_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "socketpair");
		orders[i] = pair[0];
		w.orders = pair[1];
		if (!tool_ok(fork(), "fork")) {
			for (; i >= 0; i--)
				close(orders[i]);
			worker_run(&w);
		}
		close(pair[1]);
	}
	return orders;
}

/* Returns this worker's share of the order: an even part of those to open; to close, as many as it has, until none is left. */
static int share_of(const struct order *o, int worker, const struct report *last, int *left)
{
	int share;

	if (o->verb == 'o')
		return o->count / processes + (worker < o->count % processes);
	share = last->of[CONNECTED] < *left ? last->of[CONNECTED] : *left;
	*left -= share;
	return share;
}

static void order_all(const int *orders, struct report *last, const struct order *what)
{
	struct report sum = { 0 };
	int i, s, left = what->count;
	struct order o = *what;

	for (i = 0; i < processes; i++) {
		o.count = share_of(what, i, &last[i], &left);
		tool_ok(write(orders[i], &o, sizeof(o)), "order");
	}
	for (i = 0; i < processes; i++) {
		if (read(orders[i], &last[i], sizeof(*last)) != sizeof(*last))
			tool_die("worker", "died");
		for (s = 0; s < STATES; s++)
			sum.of[s] += last[i].of[s];
		sum.greeted += last[i].greeted;
	}
	for (s = 0; s < STATES; s++)
		printf("%s\"%s\": %d", s ? ", " : "{", state_names[s], sum.of[s]);
	printf(", \"greeted\": %d}\n", sum.greeted);
	fflush(stdout);
}

static void input_obey(const int *orders, struct report *last, int wait_ms)
{
	char line[128], verb[16];
	struct order o;
	int count;

	while (fgets(line, sizeof(line), stdin)) {
		count = 0;
		if (sscanf(line, "%15s %d", verb, &count) < 1)
			continue;
		if (!strcmp(verb, "quit"))
			return;
		o.wait_ms = !strcmp(verb, "open") ? wait_ms : !strcmp(verb, "wait") ? count : 0;
		o.verb = !strcmp(verb, "wait") || !strcmp(verb, "count") ? 'p' : verb[0];
		o.count = count;
		order_all(orders, last, &o);
	}
}

int main(int argc, char **argv)
{
	struct order first = { 'o', 1, 1000 };
	struct report *last;
	int *orders, c;

	while ((c = getopt(argc, argv, "n:p:t:s:")) != -1) {
		switch (c) {
		case 'n':
			first.count = atoi(optarg);
			break;
		case 'p':
			processes = atoi(optarg);
			break;
		case 't':
			first.wait_ms = atoi(optarg);
			break;
		case 's':
			sources = tool_addrs_parse(optarg);
			break;
		default:
			return 2;
		}
	}
	if (optind + 2 != argc || processes < 1)
		tool_die("usage", "hold [-n N] [-p PROCESSES] [-t WAIT_MS] [-s SOURCES] ADDR PORT");
	target = tool_addr_parse(argv[optind], (uint16_t)atoi(argv[optind + 1]));
	signal(SIGPIPE, SIG_IGN);
	tool_many_files();
	last = calloc((size_t)processes, sizeof(*last));
	orders = workers_start();
	order_all(orders, last, &first);
	input_obey(orders, last, first.wait_ms);
	for (c = 0; c < processes; c++)
		close(orders[c]);
	while (wait(NULL) > 0)
		;
	free(orders);
	free(last);
	return 0;
}
