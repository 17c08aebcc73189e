"""A stand-in for a Kubernetes cluster: as much of its API as kubectl needs for jobs, whose pods are processes here."""

import json
import os
import re
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

JOBS = "/apis/batch/v1/namespaces/default/jobs"
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")  # of an object, by RFC 1123
# Of a server that checks the fields of an object itself; kubectl would ask for every definition otherwise.
CHECKED = {
    "x-kubernetes-group-version-kind": {"group": "batch", "version": "v1", "kind": "Job"},
    "parameters": [{"name": "fieldValidation", "in": "query"}],
}
VERBS = ["create", "delete", "get", "list", "watch"]
DISCOVERY = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": []},
    "/apis": {
        "kind": "APIGroupList",
        "groups": [{"name": "batch", "versions": [{"groupVersion": "batch/v1", "version": "v1"}]}],
    },
    "/apis/batch/v1": {
        "kind": "APIResourceList",
        "groupVersion": "batch/v1",
        "resources": [{"name": "jobs", "namespaced": True, "kind": "Job", "verbs": VERBS}],
    },
    "/openapi/v3": {"paths": {"apis/batch/v1": {"serverRelativeURL": "/openapi/v3/apis/batch/v1"}}},
    "/openapi/v3/apis/batch/v1": {
        "openapi": "3.0.0",
        "info": {"title": "stand-in", "version": "1"},
        "paths": {f"{JOBS}/{{name}}": {"patch": CHECKED}},
    },
}


class Job:
    """A job as it was submitted, and the process that stands in for its pod."""

    def __init__(self, manifest, home):
        self.manifest = manifest
        self.pod = manifest["spec"]["template"]["spec"]
        (self.container,) = self.pod["containers"]
        self.process = subprocess.Popen(
            self.container["command"],
            cwd=self.container["workingDir"],
            env={**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home)},  # a pod shares its volume and no more
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def kill(self):
        """End the pod as an eviction does."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def as_seen(self):
        """The job with its status."""
        code = self.process.poll()
        ended = [] if code is None else [{"type": "Failed" if code else "Complete", "status": "True"}]
        return {**self.manifest, "status": {"active": int(code is None), "conditions": ended}}


class Cluster(ThreadingHTTPServer):
    """Answers on a port of its own; ``submitted`` has all jobs in order, ``jobs``, by name, those not deleted."""

    daemon_threads = True

    def __init__(self, home):
        super().__init__(("127.0.0.1", 0), Answer)
        self.home, self.submitted, self.jobs = home, [], {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def configuration(self):
        """Text of a file for KUBECONFIG; JSON is YAML."""
        cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.server_port}"}}
        context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
        users = [{"name": "u", "user": {}}]
        return json.dumps({"clusters": [cluster], "contexts": [context], "users": users, "current-context": "c"})

    def create(self, manifest):
        name = manifest["metadata"]["name"]
        if not NAME.fullmatch(name) or name in self.jobs:
            return 422, {"kind": "Status", "status": "Failure", "code": 422, "message": f"{name}: invalid or there"}
        self.jobs[name] = Job(manifest, self.home)
        self.submitted.append(self.jobs[name])
        return 201, self.jobs[name].as_seen()

    def delete(self, name):
        job = self.jobs.pop(name)
        job.kill()
        return 200, job.as_seen()

    def close(self):
        self.shutdown()
        self.server_close()
        for job in self.submitted:
            job.kill()


class Answer(BaseHTTPRequestHandler):
    """One request of kubectl."""

    def respond(self):
        path = urlsplit(self.path).path
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        name = path.removeprefix(f"{JOBS}/")
        if path in DISCOVERY:
            code, answer = 200, DISCOVERY[path]
        elif self.command == "POST" and path == JOBS:
            code, answer = self.server.create(json.loads(content))
        elif self.command == "DELETE" and name in self.server.jobs:
            code, answer = self.server.delete(name)
        elif self.command == "GET" and name in self.server.jobs:
            code, answer = 200, self.server.jobs[name].as_seen()
        elif path == "/openapi/v2":
            code, answer = 200, None  # no definition at all, as protobuf: what kubectl before 1.25 asks for
        else:
            code, answer = 404, {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404}
        text = json.dumps(answer).encode() if answer else b""
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_DELETE = respond

    def log_message(self, *arguments):
        """Print nothing."""
