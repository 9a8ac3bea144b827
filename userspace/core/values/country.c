/* SPDX-License-Identifier: BSD-2-Clause */
/* Countries as two letters and as numbers: see country.h. */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "country.h"

/* The codes of ISO 3166-1 that are officially assigned, and others that databases use. */
static const char known[] =
	"ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCGCHCICKCLCMCNCOCRCUCVCWCXCYCZ"
	"DEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUIDIEILIMINIOIQIRISIT"
	"JEJMJOJPKEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNG"
	"NINLNONPNRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPTPWPYQARERORSRURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTH"
	"TJTKTLTMTNTOTRTTTVTWTZUAUGUMUSUYUZVAVCVEVGVIVNVUWFWSYEYTZAZMZWXKEUAP";

int country_parse(const char *text, uint16_t *out)
{
	int a = toupper((unsigned char)text[0]), b = a ? toupper((unsigned char)text[1]) : 0;

	if (a < 'A' || a > 'Z' || b < 'A' || b > 'Z' || text[2])
		return -EINVAL;
	*out = a == 'Z' && b == 'Z' ? 0 : 1 + 26 * (a - 'A') + (b - 'A');
	return 0;
}

int country_of_data(const char *text, uint16_t *out)
{
	static const char *const none[] = { "",	    "-",   "--",  "?",	"??", "None", "none",
					    "NULL", "\\N", "N/A", "A1", "A2", "O1",   "T1" };
	size_t i;

	*out = 0;
	for (i = 0; i < sizeof(none) / sizeof(*none); i++) {
		if (!strcmp(text, none[i]))
			return 0;
	}
	if (country_parse(strcasecmp(text, "UK") ? text : "GB", out))
		return -EINVAL;
	if (!country_exists(*out))
		*out = 0;
	return 0;
}

const char *country_text(uint16_t country, char buf[static 3])
{
	if (country)
		country--;
	else
		country = SLUICE_COUNTRIES - 2;
	buf[0] = 'A' + country / 26 % 26;
	buf[1] = 'A' + country % 26;
	buf[2] = 0;
	return buf;
}

bool country_exists(uint16_t country)
{
	char text[3];
	size_t i;

	country_text(country, text);
	for (i = 0; country && i < sizeof(known) - 1; i += 2) {
		if (!memcmp(known + i, text, 2))
			return true;
	}
	return !country;
}

/* Continents as the databases define them (GeoNames); EU and AP are what databases use for addresses of Europe and of Asia as a whole. */
static const struct {
	const char *name, *members;
} groups[] = {
	{ "EU27", "ATBEBGCYCZDEDKEEESFIFRGRHRHUIEITLTLULVMTNLPLPTROSESISK" },
	{ "EEA", "ATBEBGCYCZDEDKEEESFIFRGRHRHUIEISITLILTLULVMTNLNOPLPTROSESISK" },
	{ "EFTA", "CHISLINO" },
	{ "AFRICA", "AOBFBIBJBWCDCFCGCICMCVDJDZEGEHERETGAGHGMGNGQGWKEKMLRLSLYMAMGMLMRMUMWMZNANENGRERWSCSDSHSLSNSOSSSTSZ"
		    "TDTGTNTZUGYTZAZMZW" },
	{ "ANTARCTICA", "AQBVGSHMTF" },
	{ "ASIA",
	  "AEAFAMAPAZBDBHBNBTCCCNCXGEHKIDILINIOIQIRJOJPKGKHKPKRKWKZLALBLKMMMNMOMVMYNPOMPHPKPSQASASGSYTHTJTLTMTRTW"
	  "UZVNYE" },
	{ "EUROPE",
	  "ADALATAXBABEBGBYCHCYCZDEDKEEESEUFIFOFRGBGGGIGRHRHUIEIMISITJELILTLULVMCMDMEMKMTNLNOPLPTRORSRUSESISJSK"
	  "SMUAVAXK" },
	{ "NORTH-AMERICA", "AGAIAWBBBLBMBQBSBZCACRCUCWDMDOGDGLGPGTHNHTJMKNKYLCMFMQMSMXNIPAPMPRSVSXTCTTUSVCVGVI" },
	{ "OCEANIA", "ASAUCKFJFMGUKIMHMPNCNFNRNUNZPFPGPNPWSBTKTOTVUMVUWFWS" },
	{ "SOUTH-AMERICA", "ARBOBRCLCOECFKGFGYPEPYSRUYVE" },
};

static void country_put(struct countries *c, uint16_t country)
{
	c->count += !countries_have(c, country);
	c->bit[country / 64] |= 1ULL << country % 64;
}

void countries_add(struct countries *c, uint16_t country)
{
	country_put(c, country);
	c->named[country / 64] |= 1ULL << country % 64;
}

int countries_add_group(struct countries *c, const char *name)
{
	const char *member;
	uint16_t country;
	char text[3] = "";
	size_t i;

	for (i = 0; i < sizeof(groups) / sizeof(*groups) && strcasecmp(groups[i].name, name); i++)
		;
	if (i == sizeof(groups) / sizeof(*groups))
		return -ENOENT;
	for (member = groups[i].members; *member; member += 2) {
		memcpy(text, member, 2);
		if (!country_parse(text, &country))
			country_put(c, country);
	}
	return 0;
}

bool countries_have(const struct countries *c, uint16_t country)
{
	return c->bit[country / 64] >> country % 64 & 1;
}

bool countries_name(const struct countries *c, uint16_t country)
{
	return c->named[country / 64] >> country % 64 & 1;
}
