"""The ways in which an application learns that it is under maintenance, against the real program."""

import sys
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3

from support import ROOT, WithProcesses, ask, free_port, until

sys.path.insert(0, str(ROOT / "infra" / "maintenance"))
from flag import Flag, answer_of, item_of  # noqa: E402

MESSAGE = "Back in a few minutes: we are looking after the data.\n"


class Application(BaseHTTPRequestHandler):
    """Says what it was sent; that somebody may not see `/private` is its own affair."""

    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0)) or b"hello"
        self.send_response(403 if self.path == "/private" else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


class Maintenance(WithProcesses):
    @classmethod
    def begin(cls):
        cls.gate = cls.folder / "gate"
        wait = f"while [ ! -e '{cls.gate}' ]; do sleep 0.05; done; echo data"
        cls.program, cls.console, cls.variables = cls.start_local(f'name = "Letters"\n[[source]]\nname = "letters"\ndump = ["sh", "-c", "{wait}"]\nload = ["true"]\n[[service]]\nname = "web"\ncommand = ["sleep", "100000"]\n')
        application = ThreadingHTTPServer(("127.0.0.1", 0), Application)
        threading.Thread(target=application.serve_forever, daemon=True).start()
        cls.ends += [application.server_close, application.shutdown]
        cls.application = application.server_port
        cls.front = cls.start_nginx(cls.console)

    @classmethod
    def start_nginx(cls, console, name="nginx"):
        """nginx as the snippet has it, but for its places; gives its address."""
        folder, port = cls.folder / name, free_port()
        folder.mkdir()
        snippet = (ROOT / "infra" / "maintenance" / "nginx.conf").read_text()
        for here, there in [
            ("/var/cache/nginx/nightkeep", f"{folder}/cache"), ("/run/nightkeep-flag.sock", f"{folder}/flag.sock"), ("listen 80;", f"listen 127.0.0.1:{port};"),
            ("http://127.0.0.1:8000", f"http://127.0.0.1:{cls.application}"), ("https://nightkeep.example.com", console), ("Host nightkeep.example.com", f"Host {console.removeprefix('http://')}"),
        ]:
            assert here in snippet, here
            snippet = snippet.replace(here, there)
        temporary = "".join(f"{one}_temp_path {folder}/{one};" for one in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "nginx.conf").write_text(f"daemon off; pid {folder}/pid; error_log {folder}/error.log warn; worker_processes 1; user root; events {{}} http {{ access_log off; {temporary}\n{snippet}}}\n")
        cls.start(name, ["/usr/sbin/nginx", "-e", folder / "error.log", "-c", folder / "nginx.conf"])
        address = f"http://127.0.0.1:{port}"
        until("nginx", lambda: cls.reachable(address))
        return address

    @classmethod
    def reachable(cls, address):
        try:
            return ask("GET", address)
        except OSError:
            return None

    def begin_backup(self):
        self.gate.unlink(missing_ok=True)
        status, begun = ask("POST", f"{self.console}/api/backups", {"notes": ""}, {"origin": self.console})
        self.assertEqual(status, 202, begun)
        return lambda: ask("GET", f"{self.console}/api/records/{begun['record']['id']}")[1]["record"]["status"]

    def end_backup(self, status):
        self.gate.touch()
        until("the backup to end", lambda: status() == "SUCCESS")

    def test_1_nginx_and_an_application_in_python_are_told(self):
        client = boto3.client(
            "dynamodb", region_name=self.variables["AWS_REGION"], endpoint_url=self.variables["AWS_ENDPOINT_URL_DYNAMODB"],
            aws_access_key_id=self.variables["AWS_ACCESS_KEY_ID"], aws_secret_access_key=self.variables["AWS_SECRET_ACCESS_KEY"],
        )
        flags = [Flag(answer_of(self.console)), Flag(item_of(self.variables["NIGHTKEEP_TABLE"], client))]
        self.assertEqual(ask("GET", self.front), (200, "hello"))
        self.assertEqual(ask("POST", f"{self.front}/order", {"a": 1}), (200, {"a": 1}))
        self.assertEqual(ask("GET", f"{self.front}/private"), (403, "hello"))
        self.assertEqual([flag.message() for flag in flags], [None, None])

        status = self.begin_backup()
        until("nginx to refuse", lambda: ask("GET", self.front) == (503, MESSAGE), 5)
        self.assertEqual(ask("POST", f"{self.front}/order", {"a": 1}), (503, MESSAGE))
        self.assertEqual(ask("GET", f"{self.front}/private"), (503, MESSAGE))
        for path in ("/nightkeep", "/nightkeep-no", "/nightkeep-yes"):
            self.assertEqual(ask("GET", f"{self.front}{path}")[0], 404, "what is asked inside is not for outside")
        for flag in flags:
            self.assertIn("back in a few minutes", until("the flag", flag.message, 5))

        self.end_backup(status)
        until("nginx to let through", lambda: ask("GET", self.front) == (200, "hello"), 5)
        for flag in flags:
            until("the flag", lambda: flag.message() is None, 5)

    def test_2_the_last_answer_goes_on_while_the_console_is_away(self):
        flag = Flag(answer_of(self.console))
        self.begin_backup()
        until("nginx to refuse", lambda: ask("GET", self.front)[0] == 503, 5)
        until("the flag", flag.message, 5)
        self.program.stop()
        # Longer than any answer is kept while it can be renewed.
        seen = {(ask("GET", self.front)[0], flag.message() is None) for _ in self.for_a_while(5)}
        self.assertEqual(seen, {(503, False)})

    def test_3_who_has_never_heard_of_maintenance_is_open(self):
        nowhere = f"http://127.0.0.1:{free_port()}"
        self.assertEqual(ask("GET", self.start_nginx(nowhere, "alone")), (200, "hello"))
        self.assertIsNone(Flag(answer_of(nowhere)).message())

    def for_a_while(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            yield
            time.sleep(0.2)


if __name__ == "__main__":
    unittest.main()
