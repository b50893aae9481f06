"""The template is what it should be: by linters, by the programs' own words, and by its policies."""

import json
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from support import ROOT, TOOLS
from template import TEMPLATE, dump, listed, statements, translated, written

# What checkov would have and we do not, each with its reason.
EXCEPTIONS = {
    "CKV_AWS_119": "the table is encrypted with AWS's own key; one of the account's would cost and could be lost",
    "CKV_AWS_158": "the same for logs, which hold no secrets",
    "CKV_AWS_27": "the queue is encrypted with keys that SQS manages, which this check does not see",
    "CKV_AWS_26": "alarms cannot publish to a topic that is encrypted with AWS's own key, and hold no secrets",
    "CKV_AWS_18": "access to the bucket is in CloudTrail for those who want it; a second bucket for logs would have to be looked after",
    "CKV_AWS_115": "a limit for each function could starve the worker; the account's limit and API Gateway's throttling stand",
    "CKV_AWS_116": "what cannot be delivered comes again by the minute; the stream and the rule have a queue for it",
    "CKV_AWS_117": "the functions need nothing inside of a network",
    "CKV_AWS_173": "variables hold names and addresses; secrets are in Parameter Store",
}


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={
        "PATH": f"{TOOLS}/rehearsal/bin:/usr/local/bin:/usr/bin:/bin", "HOME": str(Path.home()), "AWS_DEFAULT_REGION": "eu-central-1",
        "SAM_CLI_TELEMETRY": "0", "LANG": "C.UTF-8", "LOG_LEVEL": "ERROR",
    })
    return done.returncode, done.stdout + done.stderr


class Linted(unittest.TestCase):
    def test_cfn_lint_finds_nothing_in_it_as_written_and_as_translated(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "translated.json"
            dump(translated(), path)
            for one in (TEMPLATE, path, ROOT / "infra/maintenance/load-balancer.yaml"):
                code, said = run(f"{TOOLS}/rehearsal/bin/cfn-lint", "--regions", "eu-central-1", "us-east-1", "--", str(one))
                self.assertEqual((code, said), (0, ""), one)

    def test_cfn_lint_finds_what_is_only_wrong_when_translated(self):
        template = translated()
        template["Resources"]["Table"]["Properties"]["BillingMode"] = "BY_THE_GLASS"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "translated.json"
            dump(template, path)
            code, said = run(f"{TOOLS}/rehearsal/bin/cfn-lint", "--regions", "eu-central-1", "--", str(path))
        self.assertNotEqual(code, 0, said)
        self.assertIn("BY_THE_GLASS", said)

    def test_sam_takes_it(self):
        code, said = run(f"{TOOLS}/sam/bin/sam", "validate", "--lint", "--template", str(TEMPLATE), "--region", "eu-central-1")
        self.assertEqual(code, 0, said)

    def test_checkov_finds_nothing_but_what_has_a_reason(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "translated.json"
            dump(translated(), path)
            code, said = run(f"{TOOLS}/checkov/bin/checkov", "--file", str(path), "--framework", "cloudformation", "--output", "json", "--quiet", "--skip-download")
        found = json.loads(said[said.index("{"):])
        failed = {(check["check_id"], check["check_name"], check["resource"]) for check in found["results"]["failed_checks"]}
        self.assertGreater(found["summary"]["passed"], 50)
        self.assertEqual({one for one in failed if one[0] not in EXCEPTIONS}, set())
        unused = set(EXCEPTIONS) - {check for check, _, _ in failed}
        self.assertEqual(unused, set(), "exceptions that nothing needs")


def variables(*sources):
    """The variables that these sources read."""
    return {name for source in sources for name in re.findall(r'"(NIGHTKEEP_[A-Z_]+)"', (ROOT / source).read_text())}


class Environment(unittest.TestCase):
    """Every variable that a program reads is in the template, and the other way round."""

    def test_of_the_functions(self):
        for name in ("Api", "Worker", "Scheduler"):
            given = set(written()["Resources"][name]["Properties"]["Environment"]["Variables"])
            self.assertEqual(given, variables(f"functions/{name.lower()}/src/main.rs"), name)

    def test_of_the_agent(self):
        container = written()["Resources"]["AgentTask"]["Properties"]["ContainerDefinitions"][0]
        given = {variable["Name"]: variable["Value"] for variable in container["Environment"] if "Name" in variable}
        told = variables("crates/cloud/src/tasks.rs")
        self.assertEqual(len(told), 3)
        agent = "crates/agent/src/lib.rs"
        self.assertEqual({name for name in given if name.startswith("NIGHTKEEP_")} | told, variables(agent))
        beside = re.search(r"pub const ENVIRONMENT.*? = \[(.*?)\];", (ROOT / agent).read_text(), re.DOTALL)
        others = {name: value for name, value in given.items() if not name.startswith("NIGHTKEEP_")}
        self.assertEqual(others, dict(re.findall(r'\("(\w+)", "(\w+)"\)', beside[1])))


class Policies(unittest.TestCase):
    """Each role may do what it needs, to what it needs it for."""

    # What the service allows on no narrower resource.
    ON_ANYTHING = {"xray:PutTraceSegments", "xray:PutTelemetryRecords", "dynamodb:ListStreams", "ecs:ListServices", "ecr:GetAuthorizationToken"}

    def roles(self):
        template = translated()
        for name, resource in template["Resources"].items():
            if resource["Type"] == "AWS::IAM::Role" and "Policies" in resource["Properties"]:
                yield name, list(statements(name, template))

    def test_nothing_is_allowed_on_everything_but_what_has_no_resource(self):
        for role, found in self.roles():
            for statement in found:
                if statement["Effect"] == "Deny":
                    continue
                for action in listed(statement["Action"]):
                    self.assertNotIn("*", action, role)
                    if "*" in listed(statement["Resource"]) and action not in self.ON_ANYTHING:
                        # A reference to another resource of the template is unknown here, not everything.
                        raw = [one for one in self.raw(role) if action in listed(one["Action"])]
                        self.assertFalse(any("*" in listed(one["Resource"]) for one in raw), f"{role}: {action}")

    def raw(self, role):
        for policy in translated()["Resources"][role]["Properties"]["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                yield statement["Fn::If"][1] if "Fn::If" in statement else statement

    def test_roles_are_passed_on_to_tasks_only_and_only_the_two_of_the_task(self):
        passing = [(role, one) for role, _ in self.roles() for one in self.raw(role) if "iam:PassRole" in listed(one["Action"])]
        self.assertEqual([role for role, _ in passing], ["WorkerRole"])
        (_, statement), = passing
        self.assertEqual(statement["Resource"], [{"Fn::GetAtt": ["AgentRole", "Arn"]}, {"Fn::GetAtt": ["AgentExecutionRole", "Arn"]}])
        self.assertEqual(statement["Condition"], {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}})

    def test_what_is_kept_stays_when_the_stack_goes(self):
        resources = translated()["Resources"]
        for name in ("Table", "Bucket", "BucketPolicy"):
            self.assertEqual((resources[name]["DeletionPolicy"], resources[name]["UpdateReplacePolicy"]), ("Retain", "Retain"), name)


if __name__ == "__main__":
    unittest.main()
