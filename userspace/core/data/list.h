/* SPDX-License-Identifier: BSD-2-Clause */
/* Growing lists: LIST(type), or a struct with these members and more; all 0 before its first element. free(item) frees it. */
#ifndef SLUICE_CORE_LIST_H
#define SLUICE_CORE_LIST_H

#include <stddef.h>
#include <stdlib.h>

#define LIST(type)                  \
	struct {                    \
		type *item;         \
		size_t count, room; \
	}

/* Returns the place of a new last element, with undefined bytes, or NULL without memory; the list is then as it was. */
#define LIST_ADD(list)                                                                  \
	({                                                                              \
		__typeof__(list) list_ = (list);                                        \
		size_t room_ = list_->room ? list_->room * 2 : 8;                       \
		void *item_;                                                            \
		if (list_->count == list_->room) {                                      \
			item_ = reallocarray(list_->item, room_, sizeof(*list_->item)); \
			list_->item = item_ ? item_ : list_->item;                      \
			list_->room = item_ ? room_ : list_->room;                      \
		}                                                                       \
		list_->count < list_->room ? &list_->item[list_->count++] : NULL;       \
	})

#endif
