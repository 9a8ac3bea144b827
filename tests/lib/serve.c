/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * serve [-4|-6] [-a ADDR] [-b BACKLOG] [-k] [-n] [-q] PORT: a TCP server for many connections, by default on [::] for both
 * families. Prints "ready" when it listens, greets each client and obeys its letters:
 *   F close (FIN)   R reset   H shut down the writing side and read on   E answer "E"
 * -k (--keepalive) probes clients that are silent for 2 s, because a RST that is lost on the way is not sent again.
 * -n (--no-accept) accepts nothing, -q (--quiet) does not greet. SIGUSR1 closes the listener and keeps the connections,
 * SIGUSR2 starts or stops accepting, SIGTERM ends.
 */
#include <getopt.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "tool.h"

#define GREETING "220 sluice test\r\n"

struct server {
	int epoll, listener, signals;
	bool accepts, quiet, keepalive;
};

static void watch(const struct server *s, int fd, bool on)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

	epoll_ctl(s->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, fd, &e);
}

static void clients_accept(const struct server *s)
{
	int fd, i;

	for (i = 0; i < 64; i++) {
		fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		if (!s->quiet)
			send(fd, GREETING, strlen(GREETING), MSG_NOSIGNAL);
		watch(s, fd, true);
	}
}

/* Returns false if the connection is closed. */
static bool letter_obey(int fd, char letter)
{
	switch (letter) {
	case 'F':
		close(fd);
		return false;
	case 'R':
		tool_reset(fd);
		return false;
	case 'H':
		shutdown(fd, SHUT_WR);
		return true;
	case 'E':
		send(fd, "E", 1, MSG_NOSIGNAL);
		return true;
	default:
		return true;
	}
}

static void client_read(int fd)
{
	char letters[4096];
	ssize_t n = recv(fd, letters, sizeof(letters), 0), i;

	if (n == 0 || (n < 0 && errno != EAGAIN))
		close(fd);
	for (i = 0; i < n; i++)
		if (!letter_obey(fd, letters[i]))
			return;
}

static void signal_obey(struct server *s)
{
	struct signalfd_siginfo info;

	if (read(s->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
		exit(0);
	if (info.ssi_signo == SIGUSR1) {
		close(s->listener);
		s->listener = -1;
	} else if (s->listener >= 0) {
		s->accepts = !s->accepts;
		watch(s, s->listener, s->accepts);
	}
}

/* Accepted sockets inherit it. */
static void keepalive_set(int fd)
{
	int on = 1, idle = 2, interval = 1;

	tool_ok(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)), "SO_KEEPALIVE");
	tool_ok(setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle)), "TCP_KEEPIDLE");
	tool_ok(setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval)), "TCP_KEEPINTVL");
}

static void server_listen(struct server *s, const char *addr, int family, uint16_t port, int backlog)
{
	union tool_addr at = tool_addr_parse(addr ? addr : family == AF_INET ? "0.0.0.0" : "::", port);
	int one = 1, v6only = family == AF_INET6;
	sigset_t set;

	s->listener = (int)tool_ok(socket(at.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket");
	setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (at.any.sa_family == AF_INET6)
		tool_ok(setsockopt(s->listener, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only)), "IPV6_V6ONLY");
	if (s->keepalive)
		keepalive_set(s->listener);
	tool_ok(bind(s->listener, &at.any, tool_addr_len(&at)), "bind");
	tool_ok(listen(s->listener, backlog), "listen");
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->signals = (int)tool_ok(signalfd(-1, &set, 0), "signalfd");
	s->epoll = (int)tool_ok(epoll_create1(0), "epoll");
	watch(s, s->signals, true);
	if (s->accepts)
		watch(s, s->listener, true);
}

static void server_run(struct server *s)
{
	struct epoll_event events[256];
	int i, n;

	for (;;) {
		n = epoll_wait(s->epoll, events, 256, -1);
		for (i = 0; i < n; i++) {
			if (events[i].data.fd == s->signals)
				signal_obey(s);
			else if (events[i].data.fd == s->listener)
				clients_accept(s);
			else
				client_read(events[i].data.fd);
		}
	}
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "keepalive", 0, NULL, 'k' }, { "no-accept", 0, NULL, 'n' }, { "quiet", 0, NULL, 'q' }, { 0 }
	};
	struct server s = { .accepts = true };
	int family = AF_UNSPEC, backlog = 4096, c;
	const char *addr = NULL;

	while ((c = getopt_long(argc, argv, "46a:b:knq", longs, NULL)) != -1) {
		switch (c) {
		case '4':
			family = AF_INET;
			break;
		case '6':
			family = AF_INET6;
			break;
		case 'a':
			addr = optarg;
			break;
		case 'b':
			backlog = atoi(optarg);
			break;
		case 'k':
			s.keepalive = true;
			break;
		case 'n':
			s.accepts = false;
			break;
		case 'q':
			s.quiet = true;
			break;
		default:
			return 2;
		}
	}
	if (optind + 1 != argc)
		tool_die("usage", "serve [-4|-6] [-a ADDR] [-b BACKLOG] [-k] [-n] [-q] PORT");
	tool_many_files();
	server_listen(&s, addr, family, (uint16_t)atoi(argv[optind]), backlog);
	puts("ready");
	fflush(stdout);
	server_run(&s);
}
