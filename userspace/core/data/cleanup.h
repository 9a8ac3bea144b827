/* SPDX-License-Identifier: BSD-2-Clause */
/* Lifetime by scope: _cleanup_(f) calls f with the variable's value when it goes out of scope. */
#ifndef SLUICE_CORE_CLEANUP_H
#define SLUICE_CORE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f##_p)))
#define DEFINE_CLEANUP(type, f)               \
	static inline void f##_p(type *thing) \
	{                                     \
		if (*thing)                   \
			f(*thing);            \
	}                                     \
	struct cleanup_needs_a_semicolon

static inline void cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclose(FILE **file)
{
	if (*file)
		fclose(*file);
}

#define _cleanup_free_ __attribute__((cleanup(cleanup_free)))
#define _cleanup_close_ __attribute__((cleanup(cleanup_close)))
#define _cleanup_fclose_ __attribute__((cleanup(cleanup_fclose)))

/* Passes ownership out of the scope. */
#define TAKE_PTR(p)                         \
	({                                  \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                 \
		taken_;                     \
	})

#endif
