# SPDX-License-Identifier: BSD-2-Clause
"""HTTP inside a namespace: plain requests, a real Prometheus, and a real Chromium driven by WebDriver. It needs only Python's own library."""
import base64, contextlib, http.client, json, os, pathlib, signal, subprocess, urllib.parse

from net import inside, wait_for


def request(ns, port, path, method="GET", body=None, headers={}, host="127.0.0.1", timeout=20):
    """Sends a request. Returns (status, headers, text)."""
    with inside(ns):
        connection = http.client.HTTPConnection(host, port, timeout=timeout)
        connection.connect()
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def reachable(ns, port, path):
    try:
        return request(ns, port, path)[0] == 200
    except OSError:
        return False


class Prometheus:
    """Debian's Prometheus in a namespace, with the files of dist/."""

    def __init__(self, net, directory, config, port=9090):
        self.net, self.ns, self.port = net, net.server, port
        directory.mkdir(exist_ok=True)
        (directory / "prometheus.yml").write_text(config)
        argv = ["prometheus", f"--config.file={directory}/prometheus.yml", f"--storage.tsdb.path={directory}/data",
                f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
        self.process = net.popen(self.ns, *argv, stdout=subprocess.DEVNULL, stderr=open(directory / "log", "w"))
        assert wait_for(lambda: reachable(self.ns, port, "/-/ready"), 20), (directory / "log").read_text()

    def api(self, what, **query):
        status, _, text = request(self.ns, self.port, f"/api/v1/{what}?{urllib.parse.urlencode(query)}")
        assert status == 200, text
        return json.loads(text)["data"]

    def query(self, expression):
        """Returns {labels: value}. Labels are a frozenset of pairs, without instance, job and the name."""
        skip = ("instance", "job", "__name__")
        return {frozenset((k, v) for k, v in r["metric"].items() if k not in skip): float(r["value"][1])
                for r in self.api("query", query=expression)["result"]}

    def value(self, expression):
        got = list(self.query(expression).values())
        return got[0] if len(got) == 1 else None


class Browser:
    """A headless Chromium, with a profile, a home and a process group of its own."""

    FLAGS = ("--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
             "--disable-component-update --disable-sync --disable-dev-shm-usage").split()

    def __init__(self, net, directory, port=9515):
        self.ns, self.port, self.session = net.server, port, None
        directory.mkdir(exist_ok=True)
        self.process = net.popen(self.ns, "chromedriver", f"--port={port}", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 start_new_session=True, env={**os.environ, "HOME": str(directory)})
        try:
            self.begin(directory)
        except BaseException:
            self.close()
            raise

    def begin(self, directory):
        assert wait_for(lambda: reachable(self.ns, self.port, "/status"), 20)
        options = {"binary": "/usr/bin/chromium", "args": [*self.FLAGS, f"--user-data-dir={directory}/profile"]}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        self.session = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
        self.open("about:blank")
        self.requests(), self.console()  # forgets those of the browser's own first page

    def ask(self, method, path, body=None):
        status, _, text = request(self.ns, self.port, path, method, json.dumps(body) if body is not None else None, timeout=60)
        assert status == 200, text
        return json.loads(text)["value"]

    def do(self, what, body):
        return self.ask("POST", f"/session/{self.session}/{what}", body)

    def open(self, url):
        self.do("url", {"url": url})

    def run(self, script, *args):
        return self.do("execute/sync", {"script": script, "args": list(args)})

    def text(self, selector):
        return self.run("const e = document.querySelector(arguments[0]); return e && e.textContent", selector)

    def devtools(self, command, **params):
        return self.do("goog/cdp/execute", {"cmd": command, "params": params})

    def look(self, width, height, dark=False, phone=False):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if phone else 1, mobile=phone)
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def picture(self, path, below=None):
        """Takes a picture of the whole page, or of what is above the end of the element `below`."""
        clip = {}
        if below:
            wide, high = self.run("return [document.documentElement.clientWidth, document.querySelector(arguments[0]).getBoundingClientRect().bottom + scrollY]", below)
            clip = {"clip": {"x": 0, "y": 0, "width": wide, "height": high + 14, "scale": 1}}
        shot = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=True, **clip)["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(shot))

    def console(self):
        return [entry["message"] for entry in self.do("se/log", {"type": "browser"})]

    def requests(self):
        """Returns every URL that was asked for since the last call."""
        events = [json.loads(entry["message"])["message"] for entry in self.do("se/log", {"type": "performance"})]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def close(self):
        try:
            if self.session:
                self.ask("DELETE", f"/session/{self.session}")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)  # a session of its own, made above
            self.process.wait()
