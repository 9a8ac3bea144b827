/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the files of a fleet: see fleet_secret.h. Called by the daemon when a policy comes in force, and by doctor. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "cleanup.h"
#include "files.h"
#include "fleet_secret.h"
#include "plain.h"

#define SECRET_MOST 4096

/* Reads the file without the end of its line. Returns how many bytes, or -errno with a message. */
static ssize_t read_private(const char *what, const char *file, char *out, size_t room, struct diag *d)
{
	const char *why;
	_cleanup_close_ int fd = file_open(file, &why);
	struct stat is;
	ssize_t n;

	if (fd < 0) {
		diag_add(d, "fleet: cannot read %s %s: %s: %s", what, file, strerror(-fd), why);
		return fd;
	}
	if (fstat(fd, &is))
		return -errno;
	if (is.st_mode & 07) {
		diag_add(d, "fleet: everybody may read %s %s: chmod 600 it, and make another one", what, file);
		return -EPERM;
	}
	n = read(fd, out, room);
	if (n < 0 || (size_t)n == room) {
		diag_add(d, "fleet: %s %s: %s", what, file, n < 0 ? strerror(errno) : "longer than it may be");
		return n < 0 ? -errno : -EFBIG;
	}
	while (n && (out[n - 1] == '\n' || out[n - 1] == '\r'))
		n--;
	return n;
}

/* Derives something from the secret: the keys and the space have different names, so that neither reveals the other. */
static void derive(const char *name, const char *secret, size_t len, void *out, size_t out_len)
{
	crypto_generichash(out, out_len, (const unsigned char *)name, strlen(name), (const unsigned char *)secret, len);
}

int fleet_secret_read(const char *file, struct fleet_secret *out, struct diag *d)
{
	unsigned char strong[crypto_generichash_KEYBYTES_MAX], space[crypto_generichash_BYTES_MIN];
	char text[SECRET_MOST];
	ssize_t len = read_private("the secret file", file, text, sizeof(text), d);

	if (len >= 0 && len < FLEET_SECRET_LEAST) {
		diag_add(d,
			 "fleet: the secret file %s has %zd bytes, and needs %d: openssl rand -hex 32 makes a good one",
			 file, len, FLEET_SECRET_LEAST);
		len = -EINVAL;
	}
	if (len < 0)
		return len;
	crypto_generichash(strong, sizeof(strong), (const unsigned char *)text, len, NULL, 0);
	derive("keys", (const char *)strong, sizeof(strong), out->key, sizeof(out->key));
	derive("space", (const char *)strong, sizeof(strong), space, sizeof(space));
	derive("records", (const char *)strong, sizeof(strong), out->records.seal, sizeof(out->records.seal));
	derive("record names", (const char *)strong, sizeof(strong), out->records.id, sizeof(out->records.id));
	sodium_bin2hex(out->space, sizeof(out->space), space, sizeof(out->space) / 2);
	sodium_memzero(text, sizeof(text));
	sodium_memzero(strong, sizeof(strong));
	return 0;
}

int fleet_password_read(const char *file, char out[static FLEET_PASSWORD_MOST], struct diag *d)
{
	ssize_t len = read_private("the password file", file, out, FLEET_PASSWORD_MOST, d);

	if (len < 0)
		return len;
	out[len] = 0;
	if (len && strlen(out) == (size_t)len && utf8_is_good(out))
		return 0;
	diag_add(d, "fleet: the password file %s is empty, or no text in UTF-8: openssl rand -hex 32 makes a good one",
		 file);
	return -EINVAL;
}
