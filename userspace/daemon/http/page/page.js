/* SPDX-License-Identifier: BSD-2-Clause */
"use strict";
(() => {
const EVERY = 1000, LEAST = 60, MOST = 600; // ms between questions; seconds shown
const EVERY_DAY = 60000, NEAR = 0.7; // ms between questions for the last day; how full a table is that is shown
const DASHES = [[], [8, 4], [2, 3], [12, 3, 2, 3], [5, 2], [14, 5], [2, 6], [8, 2, 2, 2, 2, 2]];
const COLOURS = 8;

const at = id => document.getElementById(id);
const number = n => Number(n).toLocaleString("en");
const rate = n => n === null ? "–" : n >= 100 ? number(Math.round(n)) : n.toFixed(n && n < 10 ? 1 : 0);

/* make("td", {class: "wide", "data-field": "x"}, "text", node, ...); attributes that are null are left out */
function make(tag, attributes, ...children) {
	const svg = tag === "svg" || tag === "line" || tag === "rect";
	const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
	for (const [key, value] of Object.entries(attributes || {}))
		if (value !== null)
			node.setAttribute(key, value);
	node.append(...children);
	return node;
}

/* "3 days 4 hours", "1 hour 59 minutes", "59 minutes", "90 seconds" */
function span(seconds) {
	const units = [[86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];
	const first = seconds < 120 ? 3 : units.findIndex(([size]) => seconds >= size);
	const said = (n, name) => `${number(n)} ${name}${n === 1 ? "" : "s"}`;
	const [size, name] = units[first], n = Math.max(0, Math.floor(seconds / size));
	const rest = first < 2 ? Math.floor(seconds % size / units[first + 1][0]) : 0;
	return said(n, name) + (rest ? " " + said(rest, units[first + 1][1]) : "");
}

/* A bar that says in words what it shows. */
function meter(n, limit, none) {
	const part = limit ? n / limit : 0;
	const percent = part > 0 && part < 0.01 ? "<1 %" : Math.floor(part * 100) + " %";
	const said = limit ? `${number(n)} of ${number(limit)} (${percent})` : `${number(n)}${none}`;
	const fill = make("div", {class: "fill"});
	fill.style.width = Math.min(100, part * 100) + "%";
	return make("div", {class: part >= 0.8 ? "meter high" : "meter"},
		make("div", limit ? {class: "track", role: "meter", "aria-label": said, "aria-valuemin": 0, "aria-valuemax": limit, "aria-valuenow": n} : {}, ...(limit ? [fill] : [])),
		make("span", {class: "said"}, said));
}

function rows(id, list, nothing) {
	at(id).tBodies[0].replaceChildren(...list.length ? list : [make("tr", {}, make("td", {class: "nothing", colspan: 7}, nothing))]);
}

/* What was seen: one column of figures for each poll; null if there was no answer, or counters began anew. */
const seen = {times: [], reasons: new Map(), admitted: []};
let last = null;

const total = (data, field) => data.status.services.reduce((sum, s) => sum + s[field], 0);

function byReason(data) {
	const field = data.status.mode === "observe" ? "observed" : "connections";
	const sums = new Map(Object.keys(data.reasons).map(reason => [reason, 0]));
	for (const c of data.counters)
		if (sums.has(c.reason))
			sums.set(c.reason, sums.get(c.reason) + c[field]);
	return sums;
}

function remember(data, now) {
	const sums = data ? byReason(data) : new Map();
	// another policy sums up other services
	const comparable = data && last && last.data.status.generation === data.status.generation;
	const elapsed = comparable ? (now - last.now) / 1000 : 0;
	const grown = (n, before) => !elapsed || n < before ? null : (n - before) / elapsed;

	seen.times.push(now / 1000);
	for (const reason of new Set([...seen.reasons.keys(), ...sums.keys()])) {
		if (!seen.reasons.has(reason))
			seen.reasons.set(reason, Array(seen.times.length - 1).fill(null));
		seen.reasons.get(reason).push(sums.has(reason) && last ? grown(sums.get(reason), last.sums.get(reason) || 0) : null);
	}
	seen.admitted.push(comparable ? grown(total(data, "admitted"), total(last.data, "admitted")) : null);
	while (seen.times[0] < now / 1000 - MOST)
		for (const list of [seen.times, seen.admitted, ...seen.reasons.values()])
			list.shift();
	last = data ? {data, sums, now} : null;
}

const newest = list => list && list.length ? list[list.length - 1] : null;

/* Each reason keeps its look. Dashes and width alone tell lines apart; colour only helps. */
const look = reason => {
	const i = [...seen.reasons.keys()].indexOf(reason);
	return {colour: `--c${i % COLOURS}`, dash: DASHES[i % DASHES.length], width: i < DASHES.length ? 1.7 : 3.5};
};

let plot = null, plotted = "";

function draw(shown) {
	const style = getComputedStyle(document.documentElement);
	const colour = name => style.getPropertyValue(name).trim();
	const key = shown.join() + colour("--ground");
	const width = at("chart").clientWidth;

	if (!plot || plotted !== key) {
		if (plot)
			plot.destroy();
		const axis = {stroke: colour("--soft"), grid: {stroke: colour("--grid"), width: 1}, ticks: {stroke: colour("--grid"), width: 1}, font: "12px system-ui, sans-serif"};
		plot = new uPlot({
			width, height: 240, legend: {show: false}, cursor: {drag: {x: false, y: false}, points: {show: false}},
			scales: {
				x: {range: () => [Math.min(newest(seen.times) - LEAST, seen.times[0]), newest(seen.times)]},
				y: {range: (u, low, high) => [0, Math.max(1, (high || 0) * 1.1)]},
			},
			axes: [{...axis, values: (u, ticks) => ticks.map(t => new Date(t * 1000).toTimeString().slice(0, 8)), space: 90}, {...axis, size: 56}],
			series: [{}, ...shown.map(reason => ({...look(reason), label: reason, stroke: colour(look(reason).colour), points: {show: false}}))],
		}, [], at("chart"));
		plotted = key;
	}
	if (plot.width !== width)
		plot.setSize({width, height: 240});
	plot.setData([seen.times, ...shown.map(reason => seen.reasons.get(reason))]);
}

function showReasons(data, sums) {
	const shown = [...sums.keys()].filter(reason => sums.get(reason) > 0);

	at("reasons-title").textContent = data.status.mode === "observe" ? "Would be refused per second, by reason" : "Refused per second, by reason";
	draw(shown);
	rows("reasons", shown.map(reason => {
		const {colour, dash, width} = look(reason);
		const line = make("line", {x1: 0, y1: 6, x2: 44, y2: 6, "stroke-dasharray": dash.join(" ") || null, "stroke-width": width, stroke: "currentColor"});
		const swatch = make("svg", {class: "swatch", width: 44, height: 12, "aria-hidden": "true"}, line);
		swatch.style.color = `var(${colour})`;
		return make("tr", {"data-reason": reason}, make("td", {}, swatch), make("td", {class: "wide"}, reason, make("small", {}, data.reasons[reason])),
			make("td", {"data-field": "rate"}, rate(newest(seen.reasons.get(reason)))), make("td", {"data-field": "total"}, number(sums.get(reason))));
	}), "Nothing was refused yet.");
}

function showServices(data) {
	const observe = data.status.mode === "observe", refused = observe ? "would refuse" : "refused";

	at("refused-title").textContent = refused;
	rows("services", data.status.services.map(s => make("tr", {"data-service": s.name},
		make("th", {scope: "row"}, s.name, " ", make("small", {}, (s.ports.length === 1 ? "port " : "ports ") + s.ports.join(", "))),
		make("td", {class: "wide", "data-field": "connections", "data-value": s.connections}, meter(s.connections, s.max_connections, ", no limit")),
		make("td", {"data-label": "peak of the day", "data-field": "peak"}, number(data.peaks[s.name] || 0)),
		make("td", {"data-label": "per source"}, s.max_connections_per_source ? number(s.max_connections_per_source) : "no limit"),
		make("td", {"data-label": "admitted", "data-field": "admitted"}, number(s.admitted)),
		make("td", {"data-label": refused, "data-field": "refused"}, number(observe ? s.observed : s.refused)),
		make("td", {"data-label": "pressure", class: s.pressure ? "alarm-text" : null}, s.pressure ? "under pressure" : "calm"))), "The policy names no service.");
}

function showCountries(data) {
	const sums = new Map();
	for (const c of data.countries)
		sums.set(c.country, (sums.get(c.country) || 0) + c.refused);
	const list = [...sums].filter(([, n]) => n).sort((a, b) => b[1] - a[1]);
	const most = list.length ? list[0][1] : 0;
	const name = new Intl.DisplayNames(["en"], {type: "region"});
	const called = code => code === "ZZ" ? "in no database" : name.of(code);

	rows("countries", list.slice(0, 12).map(([code, n]) => {
		const bar = meter(n, most, "");
		bar.className = "meter";
		bar.lastChild.textContent = number(n);
		return make("tr", {"data-country": code}, make("th", {scope: "row"}, code, " ", make("small", {}, called(code))), make("td", {class: "wide"}, bar));
	}), "No connection was refused by its country.");
}

function showTables(data) {
	const list = data.maps.filter(m => m.capacity && m.entries >= m.capacity * NEAR).sort((a, b) => b.entries / b.capacity - a.entries / a.capacity);

	at("full").hidden = !list.length;
	rows("tables", list.map(m => make("tr", {"data-map": m.name}, make("th", {scope: "row"}, m.name), make("td", {class: "wide"}, meter(m.entries, m.capacity, "")))), "");
}

/* Says when, by whom, and by which command. */
function changed(data) {
	const {time, what, by} = data.changed;
	return what === "start" ? `as read at the start, ${span(data.time - time)} ago` : `${what} by ${by}, ${span(data.time - time)} ago`;
}

/* Shows no addresses: it says only that a sender's limit, or a list of prefixes, is there. */
function showLive(data) {
	const name = s => s.section === "sender" ? `one sender${s.name ? ` at ${s.name}` : ""}` : s.name ? `${s.section} ${s.name}` : "the policy";
	const until = s => s.until ? `for ${span(Date.parse(s.until) / 1000 - data.time)} more` : "until the next reload";

	rows("set-live", data.live.map(s => make("tr", {"data-live": s.key}, make("th", {scope: "row"}, name(s), ": ", s.key),
		make("td", {}, s.value === null ? "addresses" : s.value,
			make("small", {}, `${s.file ? `the file: ${s.file}; ` : ""}by ${s.user || `uid ${s.uid}`}${s.host ? ` on ${s.host}` : ""}, ${span(data.time - Date.parse(s.since) / 1000)} ago, ${until(s)}`)))), "Nothing: the policy is as its files say.");
	rows("bans", data.bans.map(b => make("tr", {"data-owner": b.owner}, make("th", {scope: "row"}, b.owner), make("td", {}, number(b.bans)))), "Nobody is banned.");
}

/* Shows the hosts whose limits hold together, if the policy has a fleet. The last error may contain the store's address, so the page only says that there was one. */
function showFleet(fleet) {
	at("fleet").hidden = !fleet;
	if (!fleet)
		return;
	const heard = fleet.staleness_ms === null ? "the store has not answered yet" : `the store answered ${number(fleet.staleness_ms)} ms ago`;
	const wrong = fleet.error === null ? "; the last error: sluicectl fleet status tells it" : fleet.error ? `; the last error: ${fleet.error}` : "";
	const lost = fleet.state === "in touch" ? "" : `; limits hold as on-partition = ${fleet.on_partition} says`;

	at("fleet-said").textContent = `This host is ${fleet.name}, ${fleet.state}, one of ${number(fleet.hosts)}; ${heard}${lost}${wrong}`;
	at("fleet-said").className = fleet.state === "in touch" ? "" : "alarm-text";
	rows("hosts", fleet.members.map(m => make("tr", {"data-host": m.name}, make("th", {scope: "row"}, m.name),
		make("td", {}, `${number(m.beat_ms)} ms ago`),
		make("td", {class: m.differs.length ? "wide alarm-text" : "wide", "data-field": "differs"}, m.differs.length ? `others: ${m.differs.join(", ")}` : "as here"))), "No host is known yet.");
	rows("bounds", fleet.services.map(s => make("tr", {"data-bound": s.name}, make("th", {scope: "row"}, s.name),
		make("td", {class: "wide"}, s.exact ? "exact: never exceeded" : `exceeded by ${number(s.over)} at most`))), "No service.");
}

/* The last day is asked for once a minute, and when somebody chooses another service. */
let day = null;

function showDay() {
	if (!day || !last)
		return;
	const observe = last.data.status.mode === "observe", sum = value => day.rows.reduce((a, r) => a + value(r), 0);
	const refused = day.groups.map(group => [group, sum(r => r.refused[group])]).filter(([, n]) => n);
	const most = day.rows.reduce((a, r) => !a || r.peak > a.peak ? r : a, null), observed = sum(r => r.observed);
	const when = most && most.peak ? ` at ${new Date(most.time).toTimeString().slice(0, 5)}` : "";
	const swatch = (colour, ...look) => {
		const node = make("svg", {width: 26, height: 12, "aria-hidden": "true"}, make(...look));
		node.style.color = `var(${colour})`;
		return node;
	};
	const stroke = {x1: 0, y1: 6, x2: 26, y2: 6, "stroke-width": 2, stroke: "currentColor"}, box = {width: 26, height: 12, fill: "currentColor"};
	const flow = observe ? "admitted, and of these would be refused, a minute" : "admitted and refused, a minute";
	const peak = number(most ? most.peak : 0), admitted = number(sum(r => r.admitted)), away = refused.reduce((a, [, n]) => a + n, observed);

	drawDay(at("day"), day.rows, {flow, said: `The last day: at most ${peak} connections at once${when}, ${admitted} admitted, ${number(away)} refused`});
	at("day-said").replaceChildren(
		make("li", {}, swatch("--c0", "line", stroke), "peak ", make("b", {"data-day": "peak"}, peak), when),
		make("li", {}, swatch("--c0", "rect", {...box, "fill-opacity": 0.3}), "open at the end of each minute"),
		make("li", {}, swatch("--c2", "line", stroke), "admitted ", make("b", {"data-day": "admitted"}, admitted)),
		make("li", {}, swatch("--c1", "rect", {...box, "fill-opacity": 0.45}), observe ? "would be refused " : "refused ", make("b", {"data-day": "refused"}, number(away)),
			refused.length ? ` (${refused.map(([group, n]) => `${group} ${number(n)}`).join(", ")})` : ""));
}

async function askDay() {
	const of = at("day-of").value;

	try {
		const answer = await fetch("/history.json" + (of ? `?service=${encodeURIComponent(of)}` : ""), {cache: "no-store", signal: AbortSignal.timeout(5000)});
		if (answer.ok && of === at("day-of").value)
			day = await answer.json();
	} catch { /* the next one asks again; whether anybody answers the top says */ }
	showDay();
}

function daysOf(data) {
	const names = data.status.services.map(s => s.name), shown = [...at("day-of").options].slice(1).map(o => o.value);

	if (names.join() === shown.join())
		return;
	const chosen = at("day-of").value;
	at("day-of").replaceChildren(make("option", {value: ""}, "all services"), ...names.map(name => make("option", {value: name}, name)));
	at("day-of").value = names.includes(chosen) ? chosen : "";
}

function tiles(data, sums) {
	const observe = data.status.mode === "observe", geo = data.geoip;
	const sources = data.maps.find(m => m.name === "sources");
	const refusedNow = [...sums.keys()].map(reason => newest(seen.reasons.get(reason))).reduce((a, b) => b === null ? a : (a || 0) + b, null);
	const packets = [...sums.values()].reduce((a, b) => a + b, 0);
	const tile = (field, title, value, more) => make("div", {"data-tile": field}, make("dt", {}, title), make("dd", {}, value), make("dd", {}, more));

	at("tiles").replaceChildren(
		tile("connections", "connections", number(total(data, "connections")), `peak ${number(data.peaks[""] || 0)} in a day; ${number(data.status.reservations)} handshakes`),
		tile("admitted", "admitted per second", rate(newest(seen.admitted)), `${number(total(data, "admitted"))} in all`),
		tile("refused", observe ? "would refuse per second" : "refused per second", rate(refusedNow), `${observe ? `${number(packets)} packets` : number(total(data, "refused"))} in all`),
		tile("sources", "sources tracked", number(data.status.sources_tracked), sources ? `room for ${number(sources.capacity)}` : ""),
		tile("generation", "policy generation", number(data.status.generation), changed(data)),
		tile("geoip", "GeoIP ranges", geo.built ? number(geo.ipv4 + geo.ipv6) : "none", geo.built ? `built ${span(data.time - geo.built)} ago` : "no country database"));
}

function warnings(data) {
	const list = [];

	if (data.reload_failed)
		list.push("The last reload failed: the policy before it stays in force. `sluicectl check FILE` says what is wrong.");
	for (const i of data.status.interfaces)
		if (i.xdp_mode === "detached")
			list.push(`Interface ${i.name} is detached: nothing is judged there.`);
	if (!data.status.interfaces.length)
		list.push("sluice is attached to no interface: nothing is judged.");
	if (data.status.drift > 0)
		list.push(`Counters differ from sockets by ${data.status.drift}: please report this.`);
	for (const m of data.maps)
		if (m.capacity && m.entries >= m.capacity * 0.9)
			list.push(`Table ${m.name} is ${Math.floor(m.entries / m.capacity * 100)} % full.`);
	for (const s of data.status.services)
		if (s.pressure)
			list.push(`Service ${s.name} is under a SYN flood and answers with SYN cookies.`);
	if (data.fleet && data.fleet.state !== "in touch")
		list.push(`The fleet is ${data.fleet.state}: limits hold as on-partition = ${data.fleet.on_partition} says.`);
	for (const m of data.fleet ? data.fleet.members : [])
		if (m.differs.length)
			list.push(`Host ${m.name} of the fleet gives ${m.differs.join(", ")} other limits than this one.`);
	if (at("warnings").textContent !== list.join(""))
		at("warnings").replaceChildren(...list.map(text => make("li", {}, text)));
}

function show(data) {
	const observe = data.status.mode === "observe", sums = byReason(data);

	at("instance").textContent = `instance ${data.instance} on ${data.status.interfaces.map(i => `${i.name} (${i.xdp_mode})`).join(", ")}, up ${span(data.time - data.started)}`;
	at("mode").textContent = observe ? "observing: only live bans refuse" : "enforcing";
	at("mode").className = observe ? "pill alarm" : "pill";
	at("about").textContent = `sluice ${data.version}, policy ${data.status.policy}`;
	warnings(data);
	tiles(data, sums);
	showServices(data);
	showReasons(data, sums);
	showCountries(data);
	showTables(data);
	showLive(data);
	showFleet(data.fleet);
	daysOf(data);
}

let answered = Date.now();

async function ask() {
	let data = null;

	try {
		const answer = await fetch("/status.json", {cache: "no-store", signal: AbortSignal.timeout(5000)});
		if (answer.ok)
			data = await answer.json();
	} catch { /* said below */ }
	const now = Date.now();
	remember(data, now);
	if (data) {
		answered = now;
		show(data);
	}
	at("live").textContent = data ? "live" : `no answer for ${span((now - answered) / 1000)}: what you see is old`;
	at("live").className = data ? "pill" : "pill alarm";
	setTimeout(ask, EVERY);
}

const redraw = () => last && showReasons(last.data, last.sums);
new ResizeObserver(redraw).observe(at("chart"));
new ResizeObserver(showDay).observe(at("day"));
at("day-of").addEventListener("change", askDay);
setInterval(askDay, EVERY_DAY);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
ask().then(askDay);
})();
