/* SPDX-License-Identifier: BSD-2-Clause */
/* The state of a run: see reader.h. All code that reads a part of a policy reports its mistakes here. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "reader.h"
#include "spoilt.h"

int reader_init(struct reader *r, struct policy *p, struct diag *d)
{
	*r = (struct reader){ .policy = p, .diag = d };
	r->seen = calloc(schema_count, sizeof(*r->seen));
	return r->seen ? 0 : -ENOMEM;
}

void reader_free(struct reader *r)
{
	while (r->includes.count)
		free(r->includes.item[--r->includes.count].pattern);
	free(r->includes.item);
	free(r->opened.item);
	free(r->seen);
}

void reader_begin(struct reader *r)
{
	r->next = (struct place){ r->file, 1, 1, NULL };
	r->in = (struct context){};
	r->list = (struct place){};
	r->depth = 0;
	r->resync = r->body = r->pending = false;
	r->opened.count = 0;
	memset(r->seen, 0, schema_count * sizeof(*r->seen));
}

void reader_refuse(struct reader *r, const struct place *at, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;
	int n;

	if (r->stop)
		return;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		text = NULL;
	diag_at(r->diag, at, "%s", text ? text : "out of memory");
	r->err = r->err ? r->err : -EINVAL;
	if (r->diag->count < POLICY_ERRORS)
		return;
	diag_at(r->diag, at, "that is error %d, and the rest is not read: correct these first", POLICY_ERRORS);
	r->stop = r->lost = true;
}

void *reader_base(const struct reader *r)
{
	return section_at(r->policy, r->in.section, r->in.index);
}

const char *reader_title(const struct reader *r)
{
	return section_title(r->in.section, reader_base(r));
}

void reader_spoil(struct reader *r, const struct setting *s)
{
	if (section_spoil(r->policy, r->in.section, reader_title(r), s))
		r->err = -ENOMEM;
}
