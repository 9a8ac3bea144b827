/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests list files: what is read of each format, which formats are refused by name, and what is in force if a file cannot be used. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "banfile.h"
#include "list_keep.h"
#include "list_read.h"
#include "text_file.h"
#include "torn.h"

static char folder[] = "/tmp/sluice-lists-XXXXXX";
static char path[64], kept[64];

static void put(const char *text)
{
	FILE *out = fopen(path, "we");

	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

static struct list_file *list_of(enum list_kind kind, const struct list_file *before)
{
	const struct list_wanted want = { path, kind, LIST_TOLERANT, { .file = "policy", .line = 1 } };
	struct list_file *f = NULL;
	struct diag d = {};

	assert_int_equal(list_file_read(&want, before, &f, &d), 0);
	assert_int_equal(d.count, 0);
	return f;
}

/* Returns the elements, as "a b c". */
static const char *content(const struct list_file *f, char buf[static 1024])
{
	char text[ADDR_TEXT_LEN];
	size_t i, n = 0;

	*buf = 0;
	for (i = 0; i < f->prefixes.count; i++)
		n += snprintf(buf + n, 1024 - n, "%s%s", n ? " " : "", prefix_format(&f->prefixes.item[i], text));
	for (i = 0; i < f->networks.count; i++)
		n += snprintf(buf + n, 1024 - n, "%sAS%u", n ? " " : "", f->networks.item[i]);
	return buf;
}

static void says(const struct diag *d, const char *what)
{
	char *text = diag_text(d);

	if (!strstr(text, what))
		fail_msg("'%s' is not said in\n%s", what, text);
	free(text);
}

static void reads(enum list_kind kind, const char *text, const char *want)
{
	struct list_file *f;
	char buf[1024];

	put(text);
	f = list_of(kind, NULL);
	assert_string_equal(content(f, buf), want);
	assert_int_equal(f->state, LIST_READ);
	assert_int_equal(f->bad, 0);
	list_file_free(f);
}

static void refuses(enum list_kind kind, const char *text, const char *what)
{
	struct list_file *f;

	put(text);
	f = list_of(kind, NULL);
	assert_int_equal(f->state, LIST_NONE);
	assert_int_equal(list_file_entries(f), 0);
	says(&f->said, what);
	says(&f->said, "no last good content is known, so it is empty");
	list_file_free(f);
}

static void test_plain_lines_may_have_comments_blanks_and_any_line_ends(void **state)
{
	(void)state;
	reads(LIST_PREFIXES,
	      "\xef\xbb\xbf"
	      "192.0.2.0/24\r\n\r\n; c\r\n\t198.51.100.0/24 # d\r\n",
	      "192.0.2.0/24 198.51.100.0/24");
	reads(LIST_PREFIXES, "192.0.2.1-192.0.2.2 ; SBL1\n2001:db8::/32", "192.0.2.1 192.0.2.2 2001:db8::/32");
	reads(LIST_NETWORKS, "AS64496 ; one\n64497\n", "AS64496 AS64497");
	reads(LIST_PREFIXES, "", "");
}

static void test_lines_of_json_have_addresses_or_networks(void **state)
{
	static const char addresses[] =
		"{\"cidr\":\"192.0.2.0/24\",\"rir\":\"apnic\"}\n{\"type\":\"metadata\",\"records\":1}\n";
	static const char networks[] = "{\"asn\":64496}\n{\"asn\":64497}\n{\"type\":\"metadata\",\"records\":2}\n";

	(void)state;
	reads(LIST_PREFIXES, addresses, "192.0.2.0/24");
	reads(LIST_NETWORKS, networks, "AS64496 AS64497");
	refuses(LIST_NETWORKS, addresses, "is a list of addresses, not of networks");
	refuses(LIST_PREFIXES, networks, "is a list of networks, not of addresses");
	refuses(LIST_PREFIXES, "{\"cidr\":\"192.0.2.0/24\"}\n{\"type\":\"metadata\",\"records\":7}\n",
		"the number of records that it claims");
	refuses(LIST_PREFIXES, "[{\"cidr\":\"192.0.2.0/24\"}]\n", "jq -c");
	refuses(LIST_PREFIXES, "{\n\"cidr\": \"192.0.2.0/24\"\n}\n", "jq -c");
	refuses(LIST_PREFIXES, "{\"nftables\": []}\n", "nft list set");
}

static void test_ipset_save_is_one_set_of_addresses(void **state)
{
	(void)state;
	reads(LIST_PREFIXES,
	      "create b hash:net family inet hashsize 1024 maxelem 65536 timeout 0 comment\nadd b 192.0.2.0/24 timeout 9 comment \"nomatch\"\nadd b 198.51.100.7\n",
	      "192.0.2.0/24 198.51.100.7");
	reads(LIST_PREFIXES, "add b 192.0.2.1\nadd b 192.0.2.3-192.0.2.4\nCOMMIT\n", "192.0.2.1 192.0.2.3 192.0.2.4");
	refuses(LIST_PREFIXES, "create b hash:ip,port family inet\nadd b 192.0.2.1,tcp:25\n", "type other than");
	refuses(LIST_PREFIXES, "create b hash:net\nadd b 192.0.2.0/24\nadd b 192.0.2.1 nomatch\n",
		"exceptions (nomatch)");
	refuses(LIST_PREFIXES, "create b hash:net\nadd b 192.0.2.0/24\ncreate c hash:net\nadd c 198.51.100.0/24\n",
		"several sets");
	refuses(LIST_PREFIXES, "Name: b\nType: hash:net\nMembers:\n192.0.2.0/24\n", "ipset save");
}

static void test_a_set_of_nft_is_read_across_its_lines(void **state)
{
	static const char set[] =
		"table inet filter {\n\tset d {\n\t\ttype ipv4_addr\n\t\tflags interval,timeout\n\t\telements = { 192.0.2.0/24 timeout 1h expires 59m3s4ms,\n"
		"\t\t\t     198.51.100.1-198.51.100.2 comment \"a, } b\" }\n\t}\n}\n";

	(void)state;
	reads(LIST_PREFIXES, set, "192.0.2.0/24 198.51.100.1 198.51.100.2");
	reads(LIST_PREFIXES, "table ip t {\n\tset d {\n\t\ttype ipv4_addr\n\t}\n}\n", "");
	reads(LIST_PREFIXES, "add element inet t d { 192.0.2.1, 2001:db8::1 }\n", "192.0.2.1 2001:db8::1");
	refuses(LIST_PREFIXES, "table ip t {\n\tset d {\n\t\ttype ipv4_addr\n\t\telements = { 192.0.2.1,\n",
		"cut short");
	refuses(LIST_PREFIXES,
		"table ip t {\n\tset d {\n\t\ttype ipv4_addr . inet_service\n\t\telements = { 192.0.2.1 . 25 }\n\t}\n}\n",
		"nft list set");
	refuses(LIST_PREFIXES,
		"table ip t {\n\tset d {\n\t\telements = { 192.0.2.1 }\n\t}\n\tset e {\n\t\telements = { 192.0.2.2 }\n\t}\n}\n",
		"several sets");
	refuses(LIST_PREFIXES, "table ip t {\n\tchain c {\n\t\tip saddr { 192.0.2.1 } drop\n\t}\n}\n", "ruleset");
}

static void test_a_format_that_is_not_read_is_refused_by_name(void **state)
{
	static const char *const files[][2] = {
		{ "<!DOCTYPE html>\n<html>\n", "is a page of HTML" },
		{ "*filter\n-A INPUT -s 192.0.2.1/32 -j DROP\n", "iptables-save" },
		{ "192.0.2.0/24\tREJECT\n", "is a table of Postfix" },
		{ "2001:db8::/32 reject_unlisted_sender\n", "is a table of Postfix" },
		{ "deny 192.0.2.0/24;\n", "web server" },
		{ "/ip firewall address-list\nadd address=192.0.2.1 list=x\n", "RouterOS" },
		{ "$SOA 3600 ns.example. root.example. 0 600 300 86400 300\n:127.0.0.2:x\n192.0.2.1\n", "rbldnsd" },
		{ "192.0.2.0\t192.0.2.255\t24\t7\n", "two addresses per line" },
		{ "192.0.2.1,XX,1\n", "commas" },
		{ "192.0.2.0/24;DE\n", "semicolons" },
		{ "192.0.2.0;192.0.2.255;DE\n", "semicolons" },
		{ "192.0.2.0/24;AS64496;a name\n", "semicolons" },
		{ "2|ripencc|1764137043|3|19830705|20261126|+0100\n", "geoip { database" },
		{ "sshd: 192.0.2.1\n", "names before its addresses" },
		{ "Some range:192.0.2.1-192.0.2.9\n", "names before its addresses" },
		{ "AS64496\n", "asns-file" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(files) / sizeof(*files); i++)
		refuses(LIST_PREFIXES, files[i][0], files[i][1]);
	refuses(LIST_NETWORKS, "192.0.2.0/24\n", "file = ...");
	refuses(LIST_PREFIXES, "\x1f\x8b\b some", "not one good line");
}

static void test_bad_lines_are_counted_named_up_to_ten_and_cost_nothing_else(void **state)
{
	char text[512] = "192.0.2.42203.0.113.140\n198.51.100.1\n", buf[1024];
	struct list_file *f;
	int i;

	(void)state;
	for (i = 0; i < 14; i++)
		strcat(text, i % 2 ? "odd line\n" : "192.0.2.7 1h\n"); /* a list has no times, as a file of bans may */
	put(text);
	f = list_of(LIST_PREFIXES, NULL);
	assert_string_equal(content(f, buf), "198.51.100.1");
	assert_int_equal(f->bad, 15);
	assert_int_equal(f->said.count, 11);
	says(&f->said, ":1: '192.0.2.42203.0.113.140' is not an address");
	says(&f->said, ":3: '192.0.2.7' is in a line with more than one word");
	says(&f->said, "has 15 bad lines, which are left out, and 1 entries");
	list_file_free(f);
	put("192.0.2.7 # lfd: (smtpauth) from 192.0.2.7\n198.51.100.0/24 # do not delete\ntcp|in|d=25|s=203.0.113.9 # advanced\nInclude /etc/csf/more.deny\n");
	f = list_of(LIST_PREFIXES, NULL);
	assert_string_equal(content(f, buf), "192.0.2.7 198.51.100.0/24");
	assert_int_equal(f->bad, 2);
	says(&f->said, "advanced rule of CSF");
	says(&f->said, "includes another file");
	list_file_free(f);
}

static void test_bits_beyond_a_length_are_masked_and_counted_unless_the_line_may_be_cut(void **state)
{
	struct list_file *f;
	char buf[1024];

	(void)state;
	put("198.51.100.77/24\n192.0.2.1\n2001:db8::1/32\n198.51.100.0/2\n2001:db8::/3\n203.0.113.9/24");
	f = list_of(LIST_PREFIXES, NULL);
	assert_string_equal(content(f, buf), "198.51.100.0/24 192.0.2.1 2001:db8::/32");
	assert_int_equal(f->masked, 2);
	assert_int_equal(f->bad, 3);
	says(&f->said, "has 2 prefixes with bits beyond their length");
	list_file_free(f);
}

static void test_a_strict_reading_refuses_what_a_tolerant_one_leaves_out(void **state)
{
	static const char *const files[] = { "192.0.2.1\nodd\n", "198.51.100.77/24\n", "{\"asn\":1}\n",
					     "tcp|in|d=25|s=203.0.113.9\n" };
	const struct list_wanted want = { path, LIST_PREFIXES, LIST_STRICT, { .file = "policy", .line = 1 } };
	struct list_file *f = NULL;
	struct diag d = {};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(files) / sizeof(*files); i++) {
		put(files[i]);
		assert_int_equal(list_file_read(&want, NULL, &f, &d), -EINVAL);
		assert_null(f);
		assert_true(d.count > 0);
		diag_free(&d);
	}
	unlink(path);
	assert_int_equal(list_file_read(&want, NULL, &f, &d), -EINVAL);
	says(&d, "cannot read");
	diag_free(&d);
}

static struct list_file *before_of(enum list_kind kind, const char *text)
{
	put(text);
	return list_of(kind, NULL);
}

static void test_a_file_that_cannot_be_used_leaves_the_last_good_content(void **state)
{
	static const char *const files[] = { "",      "192.0.2.1\n", "<html>\n",
					     "odd\n", "# all\n",     "2001:db8::/32\n192.0.2.1\n192.0.2.2\n" };
	struct list_file *before = before_of(
				 LIST_PREFIXES,
				 "192.0.2.1\n192.0.2.2\n192.0.2.3\n2001:db8::/32\n2001:db9::/32\n2001:dba::/32\n"),
			 *f, *again;
	char buf[1024];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(files) / sizeof(*files); i++) {
		put(files[i]);
		f = list_of(LIST_PREFIXES, before);
		assert_int_equal(f->state, LIST_KEPT);
		assert_int_equal(f->prefixes.count, 6);
		assert_int_equal(f->written, before->written);
		says(&f->said, "its last good content, 6 entries of ");
		unlink(path);
		again = list_of(LIST_PREFIXES, f);
		assert_int_equal(again->state, LIST_KEPT);
		assert_int_equal(again->prefixes.count, 6);
		list_file_free(again);
		list_file_free(f);
	}
	put("192.0.2.9\n192.0.2.8\n2001:db8::/32\n2001:db9::/32\n");
	f = list_of(LIST_PREFIXES, before);
	assert_string_equal(content(f, buf), "192.0.2.9 192.0.2.8 2001:db8::/32 2001:db9::/32");
	list_file_free(f);
	put("");
	f = list_of(LIST_PREFIXES, NULL);
	assert_int_equal(f->state, LIST_READ);
	says(&f->said, "is empty");
	list_file_free(f);
	list_file_free(before);
}

static void test_one_rule_says_what_is_torn(void **state)
{
	(void)state;
	assert_true(is_torn(1, 0) && is_torn(3, 1) && is_torn(100, 49));
	assert_false(is_torn(0, 0) || is_torn(2, 1) || is_torn(100, 50) || is_torn(5, 9));
}

static void keep(const struct list_file *f)
{
	struct diag d = {};
	char *text = NULL;

	assert_int_equal(list_keep_write(f, &text), 0);
	assert_int_equal(text_file_replace(kept, text, 0600, &d), 0);
	free(text);
}

static void test_what_is_kept_is_read_back_and_nothing_torn_is_taken_for_whole(void **state)
{
	struct list_file *first = before_of(LIST_PREFIXES, "192.0.2.0/24\n::/2\n198.51.100.1-198.51.100.4\n"),
			 *head = NULL, *f;
	char buf[1024], *text = NULL;
	const struct place at = { .file = kept };
	struct diag d = {};

	(void)state;
	keep(first);
	assert_int_equal(list_keep_head(kept, &head), 0);
	assert_string_equal(head->path, path);
	assert_int_equal(head->prefixes.count, 0);
	unlink(path);
	f = list_of(LIST_PREFIXES, head);
	assert_int_equal(f->state, LIST_KEPT);
	assert_int_equal(f->prefixes.count, first->prefixes.count);
	assert_memory_equal(f->prefixes.item, first->prefixes.item, f->prefixes.count * sizeof(*f->prefixes.item));
	list_file_free(f);
	assert_int_equal(text_file_read(kept, LIST_BYTES, &at, &text, &d), 0);
	text[strlen(text) / 2] ^= 1;
	assert_int_equal(text_file_replace(kept, text, 0600, &d), 0);
	free(text);
	f = list_of(LIST_PREFIXES, head);
	assert_int_equal(f->state, LIST_NONE);
	list_file_free(f);
	list_file_free(head);
	assert_int_equal(list_keep_head(kept, &head), -EINVAL);
	list_file_free(first);
	first = before_of(LIST_NETWORKS, "64496\n4294967295\n");
	keep(first);
	assert_int_equal(list_keep_head(kept, &head), 0);
	unlink(path);
	f = list_of(LIST_NETWORKS, head);
	assert_string_equal(content(f, buf), "AS64496 AS4294967295");
	list_file_free(f);
	list_file_free(head);
	list_file_free(first);
}

static void test_a_file_that_looks_torn_is_used_where_nothing_else_can_be(void **state)
{
	struct list_file *before = before_of(LIST_PREFIXES, "192.0.2.1\n192.0.2.2\n192.0.2.3\n"), *head = NULL, *f;
	char buf[1024];

	(void)state;
	keep(before);
	assert_int_equal(list_keep_head(kept, &head), 0);
	put("192.0.2.9\n");
	f = list_of(LIST_PREFIXES, head);
	assert_string_equal(content(f, buf), "192.0.2.1 192.0.2.2 192.0.2.3");
	list_file_free(f);
	unlink(kept);
	f = list_of(LIST_PREFIXES, head);
	assert_int_equal(f->state, LIST_READ);
	assert_string_equal(content(f, buf), "192.0.2.9");
	says(&f->said, "is the file torn?");
	list_file_free(f);
	list_file_free(head);
	list_file_free(before);
}

static void test_a_list_has_at_most_two_million_prefixes(void **state)
{
	static const char line[] = "192.0.2.1\n";
	const size_t len = sizeof(line) - 1, most = SLUICE_MAX_PREFIXES;
	char *text = malloc((most + 1) * len + 1);
	struct list_file *f;
	size_t i;

	(void)state;
	assert_non_null(text);
	for (i = 0; i <= most; i++)
		memcpy(text + i * len, line, len);
	text[(most + 1) * len] = 0;
	refuses(LIST_PREFIXES, text, ":2000001: this file has more than 2000000 prefixes: shorten it");
	text[most * len] = 0;
	put(text);
	f = list_of(LIST_PREFIXES, NULL);
	assert_int_equal(f->prefixes.count, most);
	list_file_free(f);
	free(text);
}

static size_t bans_of(const char *written, bool tolerant, struct ban_lines *list, struct diag *d)
{
	char *text = strdup(written);
	size_t left_out = 0;

	list->count = 0;
	if (ban_file_parse(list, "list", text, 5, tolerant ? &left_out : NULL, d))
		list->count = 0;
	free(text);
	return left_out;
}

static void test_files_of_bans_are_read_by_the_same_reader_and_have_the_times_of_dumps(void **state)
{
	struct ban_lines list = {};
	struct diag d = {};

	(void)state;
	bans_of("add b 192.0.2.1 timeout 600\nadd b 192.0.2.2 timeout 0\nadd b 192.0.2.3\n", false, &list, &d);
	assert_int_equal(list.count, 3);
	assert_int_equal(list.item[0].seconds, 600);
	assert_int_equal(list.item[1].seconds, 0);
	assert_int_equal(list.item[2].seconds, 5);
	bans_of("add element ip t d { 192.0.2.1 timeout 1d expires 1h1m1s5ms }\n", false, &list, &d);
	assert_int_equal(list.item[0].seconds, 3661);
	bans_of("{\"cidr\":\"192.0.2.0/24\"}\n", false, &list, &d);
	assert_int_equal(list.count, 1);
	assert_int_equal(d.count, 0);
	bans_of("192.0.2.1", false, &list,
		&d); /* the text ends with the line: nothing behind it may be read (`make test DEBUG=1`) */
	assert_int_equal(list.count, 1);
	bans_of("198.51.100.77/24\n", false, &list, &d);
	assert_int_equal(list.count, 0);
	says(&d, "list:1: '198.51.100.77/24' has bits beyond");
	diag_free(&d);
	assert_int_equal(bans_of("198.51.100.77/24\nodd\n", true, &list, &d), 1);
	assert_int_equal(list.count, 1);
	says(&d, "1 prefixes have bits beyond");
	assert_string_equal(d.item[0].file, "list");
	assert_int_equal(d.item[0].line, 2);
	diag_free(&d);
	bans_of("x y z\n", false, &list, &d);
	says(&d, "list:1: 'x' has more than a time after it");
	diag_free(&d);
	bans_of("192.0.2.1 49711d\n", false, &list, &d);
	says(&d, "list:1: '49711d' is not a time up to 49710d: write 90, 90s, 5m, 2h, 1d or never");
	diag_free(&d);
	bans_of("192.0.2.1 never\n192.0.2.2 -1\n", false, &list, &d);
	assert_int_equal(list.count, 2);
	assert_int_equal(list.item[0].seconds + list.item[1].seconds, 0);
	bans_of("192.0.2.1 49710d\n", false, &list, &d);
	assert_int_equal(list.item[0].seconds, 49710 * 86400U);
	bans_of("{\"asn\":64496}\n", true, &list, &d);
	assert_int_equal(list.count, 0);
	says(&d, "list:1: this file is a list of networks");
	diag_free(&d);
	free(list.item);
}

static int folder_make(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/list", folder);
	snprintf(kept, sizeof(kept), "%s/kept", folder);
	return 0;
}

static int folder_remove(void **state)
{
	(void)state;
	unlink(path);
	unlink(kept);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_lines_may_have_comments_blanks_and_any_line_ends),
		cmocka_unit_test(test_lines_of_json_have_addresses_or_networks),
		cmocka_unit_test(test_ipset_save_is_one_set_of_addresses),
		cmocka_unit_test(test_a_set_of_nft_is_read_across_its_lines),
		cmocka_unit_test(test_a_format_that_is_not_read_is_refused_by_name),
		cmocka_unit_test(test_bad_lines_are_counted_named_up_to_ten_and_cost_nothing_else),
		cmocka_unit_test(test_bits_beyond_a_length_are_masked_and_counted_unless_the_line_may_be_cut),
		cmocka_unit_test(test_a_strict_reading_refuses_what_a_tolerant_one_leaves_out),
		cmocka_unit_test(test_a_file_that_cannot_be_used_leaves_the_last_good_content),
		cmocka_unit_test(test_one_rule_says_what_is_torn),
		cmocka_unit_test(test_what_is_kept_is_read_back_and_nothing_torn_is_taken_for_whole),
		cmocka_unit_test(test_a_file_that_looks_torn_is_used_where_nothing_else_can_be),
		cmocka_unit_test(test_a_list_has_at_most_two_million_prefixes),
		cmocka_unit_test(test_files_of_bans_are_read_by_the_same_reader_and_have_the_times_of_dumps),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
