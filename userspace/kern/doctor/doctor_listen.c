/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of doctor about listeners: which program, if any, listens on each port of the policy. */
#include <errno.h>
#include <string.h>

#include "doctor.h"
#include "internal.h"
#include "listener.h"
#include "netlink.h"
#include "sockets.h"

#define SYNCOOKIES "/proc/sys/net/ipv4/tcp_syncookies"

static bool is_proxy(const char *name)
{
	static const char *const proxies[] = { "docker-proxy", "rootlessport", "rootlesskit",
					       "slirp4netns",  "pasta",	       "passt" };
	size_t i;

	for (i = 0; i < sizeof(proxies) / sizeof(*proxies); i++) {
		if (!strncmp(name, proxies[i], LISTENER_NAME - 1))
			return true;
	}
	return false;
}

static bool is_mail(uint16_t port)
{
	static const uint16_t mail[] = { 25, 110, 143, 465, 587, 993, 995, 4190 };
	size_t i;

	for (i = 0; i < sizeof(mail) / sizeof(*mail); i++) {
		if (mail[i] == port)
			return true;
	}
	return false;
}

static bool is_loopback(const struct sluice_addr *a)
{
	const uint8_t *byte = (const void *)a;
	static const uint8_t v6[16] = { [15] = 1 };

	return addr_is_ipv4(a) ? byte[12] == 127 : !memcmp(byte, v6, sizeof(v6));
}

static const struct policy_service *service_of(const struct policy *p, const struct socket_seen *s)
{
	const struct policy_service *found;
	size_t i, j;

	found = service_at(p, &s->local, s->local_port);
	if (found || !address_is_any(&s->local))
		return found;
	for (i = 0; i < p->services.count; i++) {
		for (j = 0; j < p->services.item[i].ports_count; j++) {
			if (p->services.item[i].ports[j] == s->local_port)
				return &p->services.item[i];
		}
	}
	return NULL;
}

static void listener(const struct policy *p, const struct socket_seen *s, struct findings *f)
{
	const struct policy_service *service = service_of(p, s);
	char name[LISTENER_NAME], remedy[96];

	if (is_loopback(&s->local) || (!service && !is_mail(s->local_port)))
		return;
	listener_owner(s->inode, name);
	if (service && is_proxy(name))
		finding_add(
			f, FINDING_WARNING, "proxy",
			"publish the port without a proxy (docker: \"userland-proxy\": false in daemon.json; podman: as root)",
			"port %u of service %s is taken by %s, a container engine's proxy: the mail server behind it sees only the proxy's address",
			s->local_port, service->name, name);
	if (service)
		return;
	snprintf(remedy, sizeof(remedy), "service mail%u { ports = {%u} ... }, if it should have limits", s->local_port,
		 s->local_port);
	finding_add(f, FINDING_NOTE, "listener", remedy,
		    "port %u: %s listens, but no service names the port: nothing is refused there", s->local_port,
		    name);
}

static bool is_published(const struct policy *p, uint16_t port)
{
	const struct policy_container *c;
	unsigned int i;

	for (c = p->containers.item; c < p->containers.item + p->containers.count; c++) {
		for (i = 0; i < c->ports_count; i++) {
			if (c->ports[i].host == port)
				return true;
		}
	}
	return false;
}

static void service_port(const struct policy_service *service, uint16_t port, const struct policy *p,
			 const struct socket_seen *list, size_t count, struct findings *f)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (list[i].local_port == port && service_of(p, &list[i]) == service && !is_loopback(&list[i].local))
			return;
	}
	finding_add(
		f, FINDING_WARNING, "listener",
		"start the server, or name the port it uses; where a container's port is published by DNAT, add a container section",
		"service %s: nothing listens on port %u", service->name, port);
}

static void cookies(struct findings *f)
{
	_cleanup_fclose_ FILE *in = fopen(SYNCOOKIES, "re");
	int value;

	if (!in || fscanf(in, "%d", &value) != 1)
		finding_add(f, FINDING_BAD, "sysctl",
			    "boot a kernel with CONFIG_SYN_COOKIES, or set syn-flood { cookies = false }",
			    "no net.ipv4.tcp_syncookies: %s", strerror(errno));
	else if (value == 0)
		finding_add(f, FINDING_NOTE, "sysctl",
			    "sysctl -w net.ipv4.tcp_syncookies=1, for times when sluiced does not run",
			    "net.ipv4.tcp_syncookies is 0: sluiced sets it to 2 in a flood, and back to 0 afterwards");
	else if (value == 2)
		finding_add(f, FINDING_NOTE, "sysctl", "sysctl -w net.ipv4.tcp_syncookies=1, unless this is intended",
			    "net.ipv4.tcp_syncookies is 2: this host answers every SYN with a cookie, flood or not");
	else
		finding_add(f, FINDING_GOOD, "sysctl", "", "net.ipv4.tcp_syncookies is 1; 2 in a flood");
}

void doctor_listeners(const struct policy *p, struct findings *f)
{
	_cleanup_free_ struct socket_seen *list = NULL;
	size_t count = 0, i, j;
	int err = sockets_listening(NETLINK_HERE, &list, &count);

	cookies(f);
	if (err) {
		finding_add(f, FINDING_WARNING, "listener", "boot a kernel with CONFIG_INET_DIAG",
			    "cannot list sockets: %s", strerror(-err));
		return;
	}
	for (i = 0; i < count; i++)
		listener(p, &list[i], f);
	for (i = 0; i < p->services.count; i++) {
		for (j = 0; j < p->services.item[i].ports_count; j++) {
			if (!is_published(p, p->services.item[i].ports[j])) /* doctor_containers() checks these */
				service_port(&p->services.item[i], p->services.item[i].ports[j], p, list, count, f);
		}
	}
}
