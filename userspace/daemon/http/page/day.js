/* SPDX-License-Identifier: BSD-2-Clause */
"use strict";
/* Draws the last day as SVG, from /history.json: connections and their peaks above, what was admitted and refused below. */
const drawDay = (() => {
const MINUTES = 1440, MINUTE = 60000, LEFT = 56, RIGHT = 6, HEIGHT = 300;
const ABOVE = {top: 22, height: 120}, BELOW = {top: 182, height: 84};

function svg(tag, attributes, ...children) {
	const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
	for (const [key, value] of Object.entries(attributes))
		node.setAttribute(key, value);
	node.append(...children);
	return node;
}

/* Returns rows of as many minutes as one place on the screen stands for; null if nobody looked. `last` is the time of the last minute. */
function columns(rows, last, count) {
	const list = Array(count).fill(null);

	for (const r of rows) {
		const minute = MINUTES - 1 - Math.round((last - Date.parse(r.time)) / MINUTE), i = Math.floor(minute * count / MINUTES);
		if (minute < 0)
			continue;
		const c = list[i] ||= {minutes: 0, connections: 0, peak: 0, admitted: 0, refused: 0};
		c.minutes++;
		c.connections = Math.max(c.connections, r.connections);
		c.peak = Math.max(c.peak, r.peak);
		c.admitted += r.admitted;
		c.refused += Object.values(r.refused).reduce((a, b) => a + b, r.observed);
	}
	return list;
}

/* Returns the end of a scale: 1, 2 or 5 and zeros. */
function scale(most) {
	const ten = 10 ** Math.floor(Math.log10(Math.max(1, most)));
	return [1, 2, 5, 10].map(n => n * ten).find(n => n >= most);
}

/* Returns runs without a gap, each a list of [x, y]. */
function runs(list, width, panel, end, value) {
	const all = [[]];

	list.forEach((c, i) => {
		if (!c)
			all.push([]);
		else
			all.at(-1).push([LEFT + (i + 0.5) * width / list.length, panel.top + panel.height * (1 - Math.min(1, value(c) / end))]);
	});
	return all.filter(run => run.length);
}

const place = ([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`;
/* A run of one minute is a dot: a line of no length with round ends. */
const line = all => all.map(run => `M${run.map(place).join("L")}${run.length === 1 ? "h.1" : ""}`).join("");
const area = (all, panel) => all.map(run => `M${place([run[0][0], panel.top + panel.height])}L${run.map(place).join("L")}V${panel.top + panel.height}Z`).join("");

function frame(panel, width, end, title) {
	const lines = [svg("text", {x: LEFT, y: panel.top - 8, class: "title"}, title)];

	for (const part of end > 1 ? [0, 0.5, 1] : [0, 1]) {
		const y = panel.top + panel.height * (1 - part);
		lines.push(svg("line", {x1: LEFT, x2: LEFT + width, y1: y, y2: y}),
			svg("text", {x: LEFT - 6, y: y + 4, "text-anchor": "end"}, (end * part).toLocaleString("en")));
	}
	return lines;
}

/* Returns whole hours of the wall clock, as many as there is room for. */
function hours(last, width) {
	const step = width > 700 ? 2 : width > 420 ? 4 : 6, first = last - (MINUTES - 1) * MINUTE, list = [];

	for (let minute = 0; minute < MINUTES; minute++) {
		const when = new Date(first + minute * MINUTE), x = LEFT + minute * width / MINUTES;
		if (when.getMinutes() || when.getHours() % step || x > LEFT + width - 16 || x < LEFT + 16)
			continue;
		list.push(svg("line", {x1: x, x2: x, y1: ABOVE.top, y2: BELOW.top + BELOW.height, class: "hour"}),
			svg("text", {x, y: BELOW.top + BELOW.height + 18, "text-anchor": "middle"}, when.toTimeString().slice(0, 5)));
	}
	return list;
}

return (node, rows, words) => {
	const whole = Math.max(240, node.clientWidth), width = whole - LEFT - RIGHT, last = rows.length ? Date.parse(rows.at(-1).time) : Date.now();
	const count = [1440, 720, 480, 288, 144].find(n => n <= width) || 144;
	const list = columns(rows, last, count), most = value => list.reduce((a, c) => c ? Math.max(a, value(c)) : a, 0);
	const admitted = c => c.admitted / c.minutes, refused = c => c.refused / c.minutes;
	const above = scale(most(c => c.peak)), below = scale(most(c => Math.max(admitted(c), refused(c))));

	node.replaceChildren(svg("svg", {width: whole, height: HEIGHT, viewBox: `0 0 ${whole} ${HEIGHT}`, role: "img", "aria-label": words.said},
		...hours(last, width), ...frame(ABOVE, width, above, "connections"), ...frame(BELOW, width, below, words.flow),
		svg("path", {class: "held", d: area(runs(list, width, ABOVE, above, c => c.connections), ABOVE)}),
		svg("path", {class: "peak", d: line(runs(list, width, ABOVE, above, c => c.peak))}),
		svg("path", {class: "refused", d: area(runs(list, width, BELOW, below, refused), BELOW)}),
		svg("path", {class: "admitted", d: line(runs(list, width, BELOW, below, admitted))})));
};
})();
