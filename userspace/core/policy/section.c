/* SPDX-License-Identifier: BSD-2-Clause */
/* Access to the content of a policy's sections: see section.h. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "alike.h"
#include "list.h"
#include "section.h"

const char *const section_names[SECTIONS] = { "",    "sources", "privacy", "geoip",	 "syn-flood", "metrics",
					      "log", "fleet",	"service", "source-set", "container" };

_Static_assert(!offsetof(struct policy_service, name) && !offsetof(struct policy_set, name) &&
		       !offsetof(struct policy_container, name),
	       "section_find() takes a struct for its name");

bool section_is_single(enum section section)
{
	return section < SECTION_SERVICE;
}

#define AT(list) (i < (list)->count ? &(list)->item[i] : NULL)

void *section_at(const struct policy *p, enum section section, size_t i)
{
	switch (section) {
	case SECTION_SERVICE:
		return AT(&p->services);
	case SECTION_SET:
		return AT(&p->sets);
	case SECTION_CONTAINER:
		return AT(&p->containers);
	default:
		return i ? NULL : (void *)(uintptr_t)p;
	}
}

const char *section_title(enum section section, const void *base)
{
	return section_is_single(section) ? "" : base;
}

void *section_find(const struct policy *p, enum section section, const char *title)
{
	void *base;
	size_t i;

	for (i = 0; (base = section_at(p, section, i)); i++) {
		if (section_is_single(section) || !strcmp(base, title))
			return base;
	}
	return NULL;
}

enum section section_named(const char *name)
{
	enum section s;

	for (s = SECTION_TOP + 1; s < SECTIONS && strcmp(name, section_names[s]); s++)
		;
	return s;
}

enum section section_like(const char *name)
{
	struct alike like = alike_to(name);
	enum section s;

	for (s = SECTION_TOP + 1; s < SECTIONS; s++)
		alike_offer(&like, section_names[s]);
	return like.found ? section_named(like.found) : SECTIONS;
}

int section_missing(const struct policy *p, enum section section, const char *title, struct diag *d)
{
	struct alike like = alike_to(title);
	char meant[ALIKE_TEXT_LEN];
	const char *base;
	size_t i;

	for (i = 0; (base = section_at(p, section, i)); i++)
		alike_offer(&like, base);
	alike_ask(like.found, meant);
	diag_add(d, "no %s '%s': %s%s%s", section_names[section], title, meant, *meant ? " " : "",
		 section == SECTION_SET ? "`sluicectl dump` shows them" : "`sluicectl status` lists them");
	return -EINVAL;
}
