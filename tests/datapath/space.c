/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <setjmp.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "space.h"

void syncookies_set(char value)
{
	int fd = open("/proc/sys/net/ipv4/tcp_syncookies", O_WRONLY);

	assert_int_equal(write(fd, &value, 1), 1);
	close(fd);
}

static int listen_at(uint16_t port)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	return bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 1024) ? -1 : 0;
}

int space_enter(const uint16_t *ports, size_t count)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	size_t i;
	int fd;

	if (unshare(CLONE_NEWNET))
		return -1;
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	if (ioctl(fd, SIOCSIFFLAGS, &lo))
		return -1;
	close(fd);
	for (i = 0; i < count; i++) {
		if (listen_at(ports[i]))
			return -1;
	}
	syncookies_set('2');
	return 0;
}
