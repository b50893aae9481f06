"""cargo-lambda runs the three functions against the local program, as the README has it, and the sample
events wake them."""

import json
import subprocess
import unittest

from support import ROOT, TOOLS, WithProcesses, free_port, listens, until

CARGO_LAMBDA = TOOLS / "rehearsal" / "bin" / "cargo-lambda"
EVENTS = ROOT / "tests" / "events"


class Invoke(WithProcesses):
    @classmethod
    def begin(cls):
        cls.program, cls.console, variables = cls.start_local('name = "Letters"\n[[source]]\nname = "letters"\ndump = ["echo", "data"]\nload = ["true"]\n[[service]]\nname = "web"\ncommand = ["sleep", "100000"]\n')
        sign_in = {"NIGHTKEEP_URL": "http://127.0.0.1:9000", "NIGHTKEEP_OIDC_ISSUER": "http://127.0.0.1:9999", "NIGHTKEEP_OIDC_CLIENT_ID": "nightkeep"}
        cls.port = free_port()
        command = [CARGO_LAMBDA, "lambda", "watch", "--ignore-changes", "--invoke-address", "127.0.0.1", "--invoke-port", cls.port, "--locked"]
        cls.start("watch", command, environment=variables | sign_in, cwd=ROOT)
        until("cargo lambda watch", lambda: listens(cls.port))

    def invoke(self, function, event):
        command = [str(CARGO_LAMBDA), "lambda", "invoke", "--invoke-address", "127.0.0.1", "--invoke-port", str(self.port), function, "--data-file", str(EVENTS / event)]
        # It may have to be built first.
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300)
        self.assertEqual(done.returncode, 0, f"{done.stderr}\n{self.logs()}")
        return json.loads(done.stdout)

    def test_the_api_answers_a_request_from_api_gateway(self):
        answer = self.invoke("nightkeep-api", "api-gateway.json")
        self.assertEqual((answer["statusCode"], json.loads(answer["body"])), (200, {"on": False, "message": None}))

    def test_the_scheduler_is_woken_by_its_schedule(self):
        self.assertIsNone(self.invoke("nightkeep-scheduler", "scheduler.json"))

    def test_the_worker_is_woken_by_stream_task_and_schedule(self):
        for event in ("dynamodb-stream.json", "ecs-task-state-change.json", "ecs-deployment-state-change.json", "scheduler.json"):
            self.assertIsNone(self.invoke("nightkeep-worker", event), event)


if __name__ == "__main__":
    unittest.main()
