/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks the kernel and the driver about one interface: see link.h. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>

#include <net/if_arp.h>

#include "cleanup.h"
#include "internal.h"
#include "link.h"
#include "list.h"
#include "netlink.h"

/* linux/netdev.h, which Linux 6.1 and the headers of Debian 12 do not have yet */
#define NETDEV_FAMILY "netdev"
#define NETDEV_CMD_DEV_GET 1
#define NETDEV_A_DEV_IFINDEX 1
#define NETDEV_A_DEV_XDP_FEATURES 3

#define ARPHRD_IP6GRE 823 /* from linux/if_arp.h; glibc's copy is older */

static void text_take(char *out, size_t size, const struct nlattr *from)
{
	snprintf(out, size, "%s", mnl_attr_get_str(from));
}

static int info_read(const struct nlattr *attr, void *arg)
{
	struct link_view *l = arg;

	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
		text_take(l->kind, sizeof(l->kind), attr);
	if (mnl_attr_get_type(attr) == IFLA_INFO_SLAVE_KIND)
		text_take(l->port_of, sizeof(l->port_of), attr);
	return MNL_CB_OK;
}

static int attr_read(const struct nlattr *attr, void *arg)
{
	struct link_view *l = arg;

	if (mnl_attr_get_type(attr) == IFLA_MTU)
		l->mtu = mnl_attr_get_u32(attr);
	if (mnl_attr_get_type(attr) == IFLA_MASTER) {
		l->master_index = mnl_attr_get_u32(attr);
		if_indextoname(l->master_index, l->master);
	}
	if (mnl_attr_get_type(attr) == IFLA_LINKINFO)
		mnl_attr_parse_nested(attr, info_read, l);
	return MNL_CB_OK;
}

static int link_read(const struct nlmsghdr *answer, void *arg)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(answer);
	struct link_view *l = arg;

	l->index = info->ifi_index;
	l->up = info->ifi_flags & IFF_UP;
	l->type = info->ifi_type;
	return mnl_attr_parse(answer, sizeof(*info), attr_read, l);
}

static int link_ask(const char *name, struct link_view *out)
{
	uint8_t room[NETLINK_ROOM] __attribute__((aligned(8)));
	struct nlmsghdr *request;
	void *payload;

	request = netlink_request(room, RTM_GETLINK, NLM_F_ACK, sizeof(struct ifinfomsg), &payload);
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	return netlink_ask(NETLINK_ROUTE, NETLINK_HERE, request, link_read, out);
}

static int bridge_attr(const struct nlattr *attr, void *arg)
{
	struct link_place *l = arg;

	if (mnl_attr_get_type(attr) == IFLA_BR_VLAN_FILTERING)
		l->filters_vlans = mnl_attr_get_u8(attr);
	return MNL_CB_OK;
}

static int vlan_attr(const struct nlattr *attr, void *arg)
{
	struct link_place *l = arg;

	if (mnl_attr_get_type(attr) == IFLA_VLAN_ID)
		l->vlan = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

static int kind_attr(const struct nlattr *attr, void *arg)
{
	struct link_place *l = arg;

	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
		text_take(l->kind, sizeof(l->kind), attr);
	if (mnl_attr_get_type(attr) == IFLA_INFO_DATA && !strcmp(l->kind, "bridge"))
		mnl_attr_parse_nested(attr, bridge_attr, l);
	if (mnl_attr_get_type(attr) == IFLA_INFO_DATA && !strcmp(l->kind, "vlan"))
		mnl_attr_parse_nested(attr, vlan_attr, l);
	return MNL_CB_OK;
}

static int place_attr(const struct nlattr *attr, void *arg)
{
	struct link_place *l = arg;

	if (mnl_attr_get_type(attr) == IFLA_LINK)
		l->below = mnl_attr_get_u32(attr);
	if (mnl_attr_get_type(attr) == IFLA_LINK_NETNSID)
		l->below = 0;
	if (mnl_attr_get_type(attr) == IFLA_MASTER)
		l->master = mnl_attr_get_u32(attr);
	if (mnl_attr_get_type(attr) == IFLA_LINKINFO)
		mnl_attr_parse_nested(attr, kind_attr, l);
	return MNL_CB_OK;
}

static int place_read(const struct nlmsghdr *answer, void *arg)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(answer);
	struct link_places *all = arg;
	struct link_place *l = LIST_ADD(all);

	if (!l)
		return MNL_CB_ERROR;
	*l = (struct link_place){ .index = info->ifi_index };
	return mnl_attr_parse(answer, sizeof(*info), place_attr, l);
}

int link_frames(const struct link_view *l)
{
	/* they show the link header of what was encrypted */
	static const char *const ipsec[] = { "vti", "vti6", "xfrm" };
	static const struct {
		unsigned int type;
		enum sluice_frames frames;
	} types[] = {
		{ ARPHRD_ETHER, SLUICE_FRAMES_ETHERNET }, { ARPHRD_LOOPBACK, SLUICE_FRAMES_ETHERNET },
		{ ARPHRD_NONE, SLUICE_FRAMES_IP },	  { ARPHRD_RAWIP, SLUICE_FRAMES_IP },
		{ ARPHRD_PPP, SLUICE_FRAMES_IP },	  { ARPHRD_TUNNEL, SLUICE_FRAMES_IP },
		{ ARPHRD_TUNNEL6, SLUICE_FRAMES_IP },	  { ARPHRD_SIT, SLUICE_FRAMES_IP },
		{ ARPHRD_IPGRE, SLUICE_FRAMES_GRE },	  { ARPHRD_IP6GRE, SLUICE_FRAMES_GRE },
	};
	size_t i;

	if (!strcmp(l->kind, "vrf"))
		return -EOPNOTSUPP;
	for (i = 0; i < sizeof(ipsec) / sizeof(*ipsec); i++) {
		if (!strcmp(l->kind, ipsec[i]))
			return -EOPNOTSUPP;
	}
	for (i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (l->type == types[i].type)
			return types[i].frames;
	}
	return -EOPNOTSUPP;
}

const char *link_unguarded_why(const struct link_view *l)
{
	if (!strcmp(l->kind, "vrf"))
		return "no packet arrives at a VRF itself";
	return link_frames(l) < 0 ? "its packets begin with a header that sluice does not read" : "";
}

const char *link_generic_why(const struct link_view *l)
{
	static const char *const kinds[][2] = {
		{ "vlan", "a VLAN device has no native mode: name the interface below, whose gate reads the tags" },
		{ "bridge", "a bridge has no native mode: name the ports that traffic comes in by" },
		{ "macvlan", "a macvlan device has no native mode: name the interface below" },
		{ "ipvlan", "an ipvlan device has no native mode: name the interface below" },
	};
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (!strcmp(l->kind, kinds[i][0]))
			return kinds[i][1];
	}
	if (l->features_known && !(l->features & LINK_XDP_BASIC))
		return "the driver has no native mode";
	return "";
}

int links_read(struct link_places *out)
{
	uint8_t room[NETLINK_ROOM] __attribute__((aligned(8)));
	struct nlmsghdr *request;
	void *payload;

	request = netlink_request(room, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg), &payload);
	return netlink_ask(NETLINK_ROUTE, NETLINK_HERE, request, place_read, out);
}

const struct link_place *link_place(const struct link_places *all, unsigned int index)
{
	size_t i;

	for (i = 0; i < all->count && all->item[i].index != index; i++)
		;
	return i < all->count ? &all->item[i] : NULL;
}

static int ethtool(const char *name, void *what)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = { .ifr_data = what };

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	return fd < 0 || ioctl(fd, SIOCETHTOOL, &r) ? -errno : 0;
}

static void driver_ask(const char *name, struct link_view *out)
{
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };
	struct ethtool_value flags = { .cmd = ETHTOOL_GFLAGS };
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };

	if (!ethtool(name, &driver))
		snprintf(out->driver, sizeof(out->driver), "%s", driver.driver);
	if (!ethtool(name, &flags)) {
		out->lro = flags.data & ETH_FLAG_LRO;
		out->takes_tags_off = flags.data & ETH_FLAG_RXVLAN;
	}
	if (!ethtool(name, &channels)) {
		out->queues = channels.combined_count + channels.rx_count;
		out->queues_max = channels.max_combined + channels.max_rx;
	}
}

static int family_attr(const struct nlattr *attr, void *arg)
{
	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
		*(uint16_t *)arg = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

static int family_read(const struct nlmsghdr *answer, void *arg)
{
	return mnl_attr_parse(answer, sizeof(struct genlmsghdr), family_attr, arg);
}

static int features_attr(const struct nlattr *attr, void *arg)
{
	struct link_view *l = arg;

	if (mnl_attr_get_type(attr) == NETDEV_A_DEV_XDP_FEATURES) {
		l->features = mnl_attr_get_u64(attr);
		l->features_known = true;
	}
	return MNL_CB_OK;
}

static int features_read(const struct nlmsghdr *answer, void *arg)
{
	return mnl_attr_parse(answer, sizeof(struct genlmsghdr), features_attr, arg);
}

static void features_ask(struct link_view *out)
{
	uint8_t room[NETLINK_ROOM] __attribute__((aligned(8)));
	struct nlmsghdr *request;
	struct genlmsghdr *g;
	uint16_t family = 0;
	void *payload;

	request = netlink_request(room, GENL_ID_CTRL, NLM_F_ACK, sizeof(*g), &payload);
	g = payload;
	*g = (struct genlmsghdr){ .cmd = CTRL_CMD_GETFAMILY, .version = 1 };
	mnl_attr_put_strz(request, CTRL_ATTR_FAMILY_NAME, NETDEV_FAMILY);
	if (netlink_ask(NETLINK_GENERIC, NETLINK_HERE, request, family_read, &family) || !family)
		return;
	request = netlink_request(room, family, NLM_F_ACK, sizeof(*g), &payload);
	g = payload;
	*g = (struct genlmsghdr){ .cmd = NETDEV_CMD_DEV_GET, .version = 1 };
	mnl_attr_put_u32(request, NETDEV_A_DEV_IFINDEX, out->index);
	netlink_ask(NETLINK_GENERIC, NETLINK_HERE, request, features_read, out);
}

int link_view(const char *name, struct link_view *out)
{
	struct link_view l = {};
	int err = strlen(name) < IF_NAMESIZE ? link_ask(name, &l) : -ENODEV;

	if (err)
		return err;
	driver_ask(name, &l);
	features_ask(&l);
	*out = l;
	return 0;
}
