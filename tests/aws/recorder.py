"""Stands between a program and AWS, and writes down what it asks for as IAM would name it."""

import json
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SERVICES = {"DynamoDB_20120810": "dynamodb", "AmazonSSM": "ssm", "AmazonEC2ContainerServiceV20141113": "ecs"}
TRANSACTED = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}


class Recorder:
    """Passes everything on to one place, for one role. `change` may change a request on the way."""

    def __init__(self, role, upstream, change=None):
        self.role, self.upstream, self.change = role, urlsplit(upstream), change
        self.seen = set()
        self.denied = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def pass_on(self):
                recorder.pass_on(self)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = pass_on

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def pass_on(self, request):
        body = request.rfile.read(int(request.headers.get("content-length") or 0))
        headers = {name: value for name, value in request.headers.items() if name.lower() != "connection"}
        if request.headers.get("transfer-encoding") == "chunked":
            raise ValueError("a request of unknown length")
        asked = actions(request.command, request.path, request.headers, body)
        self.seen.update(asked)
        if self.change:
            headers, body = self.change(headers, body)
        connection = HTTPConnection(self.upstream.hostname, self.upstream.port, timeout=60)
        connection.request(request.command, request.path, body=body, headers=headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status >= 400 and b"AccessDenied" in text or answer.status == 403:
            self.denied.append((asked, text.decode(errors="replace")[:500]))
        request.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server"):
                request.send_header(name, value)
        length = answer.getheader("content-length") if request.command == "HEAD" else len(text)
        request.send_header("content-length", str(length or 0))
        request.end_headers()
        request.wfile.write(text)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def actions(method, path, headers, body):
    """What a request asks for: pairs of an action and what it is done to."""
    if target := headers.get("x-amz-target"):
        name, operation = target.split(".")
        return list(by_target(SERVICES[name], operation, json.loads(body or b"{}")))
    return [by_object(method, path)]


def by_target(service, operation, body):
    if service == "dynamodb":
        if operation == "TransactWriteItems":
            for item in body["TransactItems"]:
                (kind, what), = item.items()
                yield f"dynamodb:{TRANSACTED[kind]}", f"table/{what['TableName']}"
        else:
            yield f"dynamodb:{operation}", f"table/{body['TableName']}"
    elif service == "ssm":
        for name in body.get("Names") or [body.get("Name") or body["Path"]]:
            yield f"ssm:{operation}", f"parameter{name}"
    else:
        what = body.get("taskDefinition") or body.get("task") or body.get("service") or ",".join(body.get("tasks") or body.get("services") or [])
        yield f"ecs:{operation}", what


def by_object(method, path):
    parts = urlsplit(path)
    query = parse_qs(parts.query, keep_blank_values=True)
    bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
    if not key:
        return ("s3:ListBucketMultipartUploads" if "uploads" in query else "s3:ListBucket"), bucket
    if method == "DELETE":
        return ("s3:AbortMultipartUpload" if "uploadId" in query else "s3:DeleteObject"), f"{bucket}/{key}"
    return ("s3:GetObject" if method in ("GET", "HEAD") else "s3:PutObject"), f"{bucket}/{key}"


def signed_anew(headers, body, url, service, region, key, secret):
    """The same request with another signature."""
    kept = {name: value for name, value in headers.items() if name.lower() in ("content-type", "x-amz-target")}
    request = AWSRequest(method="POST", url=url, data=body, headers=kept)
    SigV4Auth(Credentials(key, secret), service, region).add_auth(request)
    return {**dict(request.headers), "host": urlsplit(url).netloc, "content-length": str(len(body))}, body
