/* SPDX-License-Identifier: BSD-2-Clause */
/* Serves metrics, health and the page by HTTP: see exporter.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <syslog.h>

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>

#include "exporter.h"
#include "figures.h"
#include "history_day.h"
#include "page.h"

#define IDLE_SECONDS 20 /* longer than Prometheus' usual interval of 15 s, so that it keeps its connection */
#define HEADERS_MOST 8192
#define DESCRIPTORS_MOST 256 /* from then on there are too many; the daemon itself needs about 50 */

struct exporter {
	struct daemon *daemon;
	struct listen at; /* where the policy wants it, whether that works or not */
	struct evhttp *http; /* NULL if it does not listen */
	struct evconnlistener *listener; /* belongs to `http` */
	bool loopback;
	bool crowded;
	bool complained; /* about `at` */
};

/* A page of the server, with the function that writes its body. */
struct route {
	const char *path;
	const char *content_type; /* NULL: that of the metrics */
	int (*write)(const struct daemon *dm, struct evhttp_request *req, FILE *out, int *status);
};

static enum metrics_format format_of(struct evhttp_request *req)
{
	return metrics_format_of(evhttp_find_header(evhttp_request_get_input_headers(req), "Accept"));
}

static int write_metrics(const struct daemon *dm, struct evhttp_request *req, FILE *out, int *status)
{
	(void)status;
	return figures_text(dm, format_of(req), out);
}

static int write_health(const struct daemon *dm, struct evhttp_request *req, FILE *out, int *status)
{
	bool healthy = false;
	int err = figures_health(dm, out, &healthy);

	(void)req;
	*status = healthy ? HTTP_OK : HTTP_SERVUNAVAIL;
	return err;
}

static int write_json(const struct daemon *dm, struct evhttp_request *req, FILE *out, int *status)
{
	(void)req;
	(void)status;
	return figures_json(dm, out);
}

/* /history.json shows all, ?service=NAME one. */
static int write_history(const struct daemon *dm, struct evhttp_request *req, FILE *out, int *status)
{
	const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(req)), *service;
	struct evkeyvalq asked = {};
	json_t *told;
	int err;

	if (query)
		evhttp_parse_query_str(query, &asked);
	service = query ? evhttp_find_header(&asked, "service") : NULL;
	told = history_json(dm, service ? service : "", 0);
	evhttp_clear_headers(&asked);
	*status = told ? HTTP_OK : HTTP_NOTFOUND;
	err = told && json_dumpf(told, out, JSON_COMPACT) ? -EIO : 0;
	json_decref(told);
	return err;
}

static int write_page(const struct daemon *dm, struct evhttp_request *req, FILE *out, int *status)
{
	(void)dm;
	(void)req;
	(void)status;
	return fwrite(page_html, sizeof(page_html), 1, out) == 1 ? 0 : -EIO;
}

static const struct route routes[] = {
	{ "/", "text/html; charset=utf-8", write_page },	   { "/metrics", NULL, write_metrics },
	{ "/healthz", "text/plain; charset=utf-8", write_health }, { "/status.json", "application/json", write_json },
	{ "/history.json", "application/json", write_history },
};

static void header(struct evhttp_request *req, const char *key, const char *value)
{
	evhttp_add_header(evhttp_request_get_output_headers(req), key, value);
}

static void respond(struct evhttp_request *req, int status, const char *content_type, const char *body, size_t len)
{
	struct evbuffer *out = evbuffer_new();

	header(req, "Content-Type", content_type);
	header(req, "Cache-Control", "no-store");
	header(req, "Content-Security-Policy", PAGE_SECURITY_POLICY);
	header(req, "X-Content-Type-Options", "nosniff");
	header(req, "X-Frame-Options", "DENY");
	header(req, "Referrer-Policy", "no-referrer");
	header(req, "Cross-Origin-Resource-Policy", "same-origin");
	if (out && evhttp_request_get_command(req) != EVHTTP_REQ_HEAD)
		evbuffer_add(out, body, len);
	evhttp_send_reply(req, status, status == 421 ? "Misdirected Request" : NULL, out);
	if (out)
		evbuffer_free(out);
}

static void respond_text(struct evhttp_request *req, int status, const char *text)
{
	respond(req, status, "text/plain; charset=utf-8", text, strlen(text));
}

static void respond_route(struct exporter *x, struct evhttp_request *req, const struct route *r)
{
	const char *type = r->content_type ? r->content_type : metrics_content_type(format_of(req));
	_cleanup_free_ char *body = NULL;
	int status = HTTP_OK, err;
	size_t len = 0;
	FILE *out;

	out = open_memstream(&body, &len);
	err = out ? r->write(x->daemon, req, out, &status) : -ENOMEM;
	if (out && fclose(out))
		err = -ENOMEM;
	if (err == -ENODEV)
		respond_text(req, HTTP_SERVUNAVAIL, "unloaded\n");
	else if (err)
		respond_text(req, HTTP_INTERNAL, "the kernel's tables cannot be read\n");
	else
		respond(req, status, type, body, len);
}

/*
 * On a loopback address, only names that always mean this machine are accepted: a page from elsewhere whose name was made to resolve to
 * 127.0.0.1 (DNS rebinding) sends its own name.
 */
static bool host_is_good(const struct exporter *x, struct evhttp_request *req)
{
	const char *host = evhttp_request_get_host(req);
	struct in_addr v4;

	if (!x->loopback)
		return true;
	if (!host)
		return false;
	return !strcasecmp(host, "localhost") || !strcmp(host, "[::1]") ||
	       (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

static void on_request(struct evhttp_request *req, void *arg)
{
	enum evhttp_cmd_type command = evhttp_request_get_command(req);
	const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(req));
	struct exporter *x = arg;
	size_t i;

	if (!host_is_good(x, req)) {
		respond_text(req, 421, "this server answers to localhost, 127.0.0.1 and [::1] only\n");
		return;
	}
	if (command != EVHTTP_REQ_GET && command != EVHTTP_REQ_HEAD) {
		header(req, "Allow", "GET, HEAD");
		respond_text(req, HTTP_BADMETHOD, "only GET and HEAD: nothing can be changed here\n");
		return;
	}
	for (i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		if (!strcmp(path ? path : "", routes[i].path)) {
			respond_route(x, req, &routes[i]);
			return;
		}
	}
	respond_text(req, HTTP_NOTFOUND, "try /, /metrics, /healthz, /status.json and /history.json\n");
}

/* Rests until exporter_tick(): a listener that cannot accept would make the loop spin. */
static void rest(struct evconnlistener *listener, void *arg)
{
	struct exporter *x = arg;

	x->crowded = true;
	evconnlistener_disable(listener);
}

/* The lowest free descriptor tells how many are open. Clients that hold too many must not deprive the control socket. */
static struct bufferevent *on_connection(struct event_base *base, void *arg)
{
	struct exporter *x = arg;
	int lowest = fcntl(evconnlistener_get_fd(x->listener), F_DUPFD_CLOEXEC, 0);

	(void)base;
	if (lowest >= 0)
		close(lowest);
	if (lowest < 0 || lowest >= DESCRIPTORS_MOST)
		rest(x->listener, x);
	return NULL; /* libevent makes its usual bufferevent */
}

static socklen_t address_of(const struct listen *l, struct sockaddr_storage *out)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;

	memset(out, 0, sizeof(*out));
	if (addr_is_ipv4(&l->addr)) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(l->port);
		v4->sin_addr.s_addr = l->addr.word[3];
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(l->port);
	memcpy(&v6->sin6_addr, &l->addr, sizeof(l->addr));
	return sizeof(*v6);
}

static bool is_loopback(const struct listen *l)
{
	struct sluice_addr one = { { 0, 0, 0, htonl(1) } };

	if (addr_is_ipv4(&l->addr))
		return ntohl(l->addr.word[3]) >> 24 == 127;
	return !memcmp(&l->addr, &one, sizeof(one));
}

static struct evhttp *http_new(struct exporter *x)
{
	struct evhttp *http = evhttp_new(x->daemon->loop);

	if (!http)
		return NULL;
	evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
						 EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
	evhttp_set_max_headers_size(http, HEADERS_MOST);
	evhttp_set_max_body_size(http, 0);
	evhttp_set_timeout(http, IDLE_SECONDS);
	evhttp_set_default_content_type(http, NULL);
	evhttp_set_bevcb(http, on_connection, x);
	evhttp_set_gencb(http, on_request, x);
	return http;
}

static int exporter_open(struct exporter *x)
{
	struct sockaddr_storage at;
	socklen_t len = address_of(&x->at, &at);
	int err;

	x->listener = evconnlistener_new_bind(x->daemon->loop, NULL, NULL,
					      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, 64,
					      (struct sockaddr *)&at, len);
	if (!x->listener) {
		err = -errno;
		return err ? err : -ENOMEM;
	}
	evconnlistener_set_error_cb(x->listener, rest);
	x->loopback = is_loopback(&x->at);
	x->http = http_new(x);
	if (x->http && evhttp_bind_listener(x->http, x->listener))
		return 0;
	if (x->http)
		evhttp_free(x->http);
	x->http = NULL;
	evconnlistener_free(x->listener);
	return -ENOMEM;
}

/* Closes every connection, too. */
static void exporter_close(struct exporter *x)
{
	if (x->http)
		evhttp_free(x->http);
	x->http = NULL;
	x->listener = NULL;
	x->crowded = false;
}

static struct exporter *exporter_of(struct daemon *dm)
{
	if (!dm->exporter)
		dm->exporter = calloc(1, sizeof(*dm->exporter));
	if (dm->exporter)
		dm->exporter->daemon = dm;
	return dm->exporter;
}

static bool is_same(const struct listen *a, const struct listen *b)
{
	return a->off == b->off && a->port == b->port && !memcmp(&a->addr, &b->addr, sizeof(a->addr));
}

void exporter_follow(struct daemon *dm)
{
	const struct listen *want = &standing_live(dm->standing)->metrics;
	struct exporter *x = exporter_of(dm);
	char text[LISTEN_TEXT_LEN];
	int err;

	if (!x)
		return;
	if (!is_same(&x->at, want)) {
		exporter_close(x);
		x->at = *want;
		x->complained = false;
	}
	if (x->http || x->at.off)
		return;
	err = exporter_open(x);
	if (!err)
		log_say(LOG_NOTICE, "metrics and status page on http://%s/", listen_format(&x->at, text));
	else if (!x->complained)
		log_say(LOG_WARNING,
			"no metrics: cannot listen on %s: %s: limits are still enforced; give this instance a port of its "
			"own (metrics { listen = ... }), or none; trying again",
			listen_format(&x->at, text), strerror(-err));
	x->complained = err;
}

void exporter_tick(struct daemon *dm)
{
	struct exporter *x = dm->exporter;

	if (!x || !x->crowded)
		return;
	log_say(LOG_WARNING, "too many connections to the metrics: cutting them all");
	exporter_close(x);
	exporter_follow(dm);
}

const char *exporter_where(const struct daemon *dm, char buf[static LISTEN_TEXT_LEN])
{
	*buf = 0;
	return dm->exporter && dm->exporter->http ? listen_format(&dm->exporter->at, buf) : buf;
}

void exporter_free(struct daemon *dm)
{
	if (!dm->exporter)
		return;
	exporter_close(dm->exporter);
	free(dm->exporter);
	dm->exporter = NULL;
}
