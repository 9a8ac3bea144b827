/* SPDX-License-Identifier: BSD-2-Clause */
/* Which formats there are, how their lines are written, and who reads them. */
#include <errno.h>
#include <string.h>

#include "import.h"

const struct format import_formats[] = {
	{ .name = "axigen",
	  .files = "axigen.cfg, or the listeners and rules of it",
	  .example = "/var/opt/axigen/run/axigen.cfg",
	  .comment = "#",
	  .comment_anywhere = true,
	  .comment_blocks = true,
	  .read = axigen_read },
	{ .name = "csf",
	  .files = "csf.conf, csf.allow, csf.deny",
	  .example = "/etc/csf/csf.conf /etc/csf/csf.allow /etc/csf/csf.deny",
	  .comment = "#",
	  .comment_anywhere = true,
	  .read = csf_read },
	{ .name = "dovecot",
	  .files = "dovecot.conf, or what `doveconf -n` prints",
	  .example = "/etc/dovecot/dovecot.conf /etc/dovecot/conf.d/10-master.conf",
	  .comment = "#",
	  .comment_anywhere = true,
	  .backslash = true,
	  .read = dovecot_read },
	{ .name = "exim",
	  .files = "exim4.conf",
	  .example = "/etc/exim4/exim4.conf",
	  .comment = "#",
	  .comment_between = true,
	  .backslash = true,
	  .read = exim_read },
	{ .name = "fail2ban",
	  .files = "jail.conf, jail.local",
	  .example = "/etc/fail2ban/jail.local",
	  .comment = "#;",
	  .sections = true,
	  .read = fail2ban_read },
	{ .name = "haproxy",
	  .files = "haproxy.cfg",
	  .example = "/etc/haproxy/haproxy.cfg",
	  .comment = "#",
	  .comment_anywhere = true,
	  .read = haproxy_read },
	{ .name = "nft",
	  .files = "what `nft list ruleset` prints, or rules as text",
	  .example = "/etc/nftables.conf",
	  .comment = "#",
	  .comment_anywhere = true,
	  .backslash = true,
	  .braces = true,
	  .read = nft_read },
	{ .name = "pf",
	  .files = "pf.conf",
	  .example = "/etc/pf.conf",
	  .comment = "#",
	  .comment_anywhere = true,
	  .backslash = true,
	  .braces = true,
	  .read = pf_read },
	{ .name = "postfix",
	  .files = "main.cf, and master.cf for its services and their -o",
	  .example = "/etc/postfix/main.cf /etc/postfix/master.cf",
	  .comment = "#",
	  .indent = true,
	  .read = postfix_read },
};

const size_t import_formats_count = sizeof(import_formats) / sizeof(*import_formats);

const struct format *import_format(const char *name)
{
	size_t i;

	for (i = 0; i < import_formats_count; i++) {
		if (!strcmp(import_formats[i].name, name))
			return &import_formats[i];
	}
	return NULL;
}

int import_run(struct import *m)
{
	m->format->read(m);
	if (m->failed)
		return m->crowded ? -E2BIG : -ENOMEM;
	return m->items.count || m->left.count || m->sources.count ? 0 : -ENOENT;
}
