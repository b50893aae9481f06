"""A rehearsal of the deployment: the translated template on ministack, with the real packages, the real
agent, signatures checked and policies enforced. Only ECS is the local program's, since nothing that plays
AWS runs tasks without a container engine.
"""

import json
import os
import secrets
import subprocess
import time
import unittest
import urllib.request
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

import template
from recorder import Recorder, signed_anew
from support import ROOT, TOOLS, WithProcesses, answers, ask, free_port, until
from template import ACCOUNT, REGION

PACKAGES = ROOT / "target" / "lambda"
STACK = "nightkeep"
ROOT_KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}

# What a role may do that is done for the program by AWS, not by it.
BY_AWS = {
    "xray:PutTraceSegments", "xray:PutTelemetryRecords", "logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage",
    "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams", "iam:PassRole",
}

# What is allowed and doesn't happen here, each with its reason.
RARELY = {
    ("Api", "s3:ListBucket"): "is no request: without it S3 answers 403 to who asks for an object that is not there, with it 404",
    ("Worker", "ecs:StopTask"): "ends a stage that takes longer than it may, at least an hour",
    ("Agent", "dynamodb:DeleteItem"): "removes the records that have expired, a day old at least",
}


class Rehearsal(WithProcesses):
    @classmethod
    def begin(cls):
        folder = cls.folder
        (folder / "data").mkdir()
        (folder / "data" / "letter.txt").write_text("Dear everybody\n" * 1000)
        (folder / "source").mkdir()
        (folder / "source" / "main.txt").write_text("the source\n")

        # ECS: the local program's, beside a console of its own that has nothing to do.
        _, _, cls.local = cls.start_local('name = "Idle"\n[[source]]\nname = "none"\ndump = ["true"]\n[[service]]\nname = "web"\ncommand = ["sleep", "100000"]\n')

        # AWS but for ECS, which checks signatures and enforces policies.
        port = free_port()
        cls.aws = f"http://127.0.0.1:{port}"
        cls.start("ministack", [TOOLS / "rehearsal/bin/ministack"], environment={
            "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "AUTH": "true", "MINISTACK_REGION": REGION, "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "TMPDIR": str(folder), "HOME": str(folder),
        })
        until("ministack", lambda: answers(f"{cls.aws}/_ministack/health"))
        cls.session = boto3.Session(region_name=REGION, **ROOT_KEYS)

        # Each role has a way to AWS of its own, on which is written down what it asks for.
        cls.recorders = {name: Recorder(name, cls.aws) for name in ("Api", "Worker", "Scheduler", "Agent")}
        cls.recorders["Ecs"] = Recorder("Worker", cls.local["AWS_ENDPOINT_URL_ECS"], cls.on_the_way_to_ecs)
        cls.ends += [recorder.close for recorder in cls.recorders.values()]

        address = "https://nightkeep.example.com"
        issuer = cls.start("issuer", ["node", Path(__file__).with_name("issuer.mjs"), address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True).process
        said = json.loads(next(line for line in issuer.stdout if line.startswith("{")))
        cls.token, cls.issuer = said["token"], said["issuer"]

        packages = cls.upload()
        cls.template = template.translated(packages)
        resources = cls.template["Resources"]
        # ministack takes these for requests about everything, and would refuse them; what is really asked
        # for is compared with the template's policies at the end.
        for role in ("ApiRole", "WorkerRole", "SchedulerRole", "AgentRole"):
            statement = {"Effect": "Allow", "Action": ["ssm:GetParametersByPath", "ssm:GetParameters"], "Resource": "*"}
            resources[role]["Properties"]["Policies"].append({"PolicyName": "ministack", "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}})
        for name in template.FUNCTIONS:
            way = {f"AWS_ENDPOINT_URL_{service}": cls.recorders[name].url for service in ("DYNAMODB", "S3", "SSM")}
            if name == "Worker":
                way["AWS_ENDPOINT_URL_ECS"] = cls.recorders["Ecs"].url
            resources[name]["Properties"]["Environment"]["Variables"].update(way)
        description = f'name = "Letters"\nsource_code = "{folder}/source"\n[[source]]\nname = "letters"\ndirectory = "{folder}/data"\n'
        parameters = {
            "ConsoleUrl": address, "OidcIssuer": said["issuer"], "OidcClientId": "nightkeep", "OidcAudience": "urn:nightkeep:api",
            "ServicesCluster": "nightkeep", "Cluster": "nightkeep", "ApplicationDescription": description,
            "Subnets": "subnet-1", "SecurityGroups": "sg-1", "AlarmEmail": "somebody@example.com",
            # Far from now, so that no night comes in between.
            "BackupTime": time.strftime("%H:%M", time.gmtime(time.time() + 12 * 3600)),
        }
        for name, value in {"repository-password": secrets.token_urlsafe(32), "session-key": subprocess.run(["openssl", "rand", "-base64", "32"], capture_output=True, text=True, check=True).stdout.strip()}.items():
            cls.client("ssm").put_parameter(Name=f"/nightkeep/secrets/{name}", Value=value, Type="SecureString")
        for name, value in {"nightly": "off", "settle-seconds": "0"}.items():
            cls.client("ssm").put_parameter(Name=f"/nightkeep/{name}", Value=value, Type="String")
        cloudformation = cls.client("cloudformation")
        cloudformation.create_stack(
            StackName=STACK, TemplateBody=json.dumps(cls.template), Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        )
        ended = lambda: (stack := cloudformation.describe_stacks(StackName=STACK)["Stacks"][0])["StackStatus"].endswith(("COMPLETE", "FAILED")) and stack
        stack = until("the stack", ended)
        if stack["StackStatus"] != "CREATE_COMPLETE":
            events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
            raise AssertionError([(event["LogicalResourceId"], event.get("ResourceStatusReason")) for event in events if "FAILED" in event["ResourceStatus"]])
        cls.outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        cls.made = {one["LogicalResourceId"]: one for one in cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]}
        # ECS, which the role trusts and nobody else, has no part in this: the test takes its place.
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}]}
        cls.client("iam").update_assume_role_policy(RoleName=cls.made["AgentRole"]["PhysicalResourceId"], PolicyDocument=json.dumps(trust))
        cls.credentials = cls.client("sts").assume_role(RoleArn=cls.role("AgentRole"), RoleSessionName="agent")["Credentials"]

        # Nothing here is encrypted on its way, which the bucket's policy refuses; only then it can go.
        keys = {"aws_access_key_id": cls.credentials["AccessKeyId"], "aws_secret_access_key": cls.credentials["SecretAccessKey"], "aws_session_token": cls.credentials["SessionToken"]}
        try:
            cls.client("s3", boto3.Session(region_name=REGION, **keys)).list_objects_v2(Bucket=cls.outputs["Bucket"], Prefix="repository/")
            cls.unencrypted = "allowed"
        except ClientError as error:
            cls.unencrypted = error.response["Error"]["Code"]
        cls.client("s3").delete_bucket_policy(Bucket=cls.outputs["Bucket"])

    @classmethod
    def client(cls, service, session=None):
        return (session or cls.session).client(service, endpoint_url=cls.aws, config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}))

    @classmethod
    def role(cls, name):
        return f"arn:aws:iam::{ACCOUNT}:role/{cls.made[name]['PhysicalResourceId']}"

    @classmethod
    def upload(cls):
        s3 = cls.client("s3")
        s3.create_bucket(Bucket="packages", CreateBucketConfiguration={"LocationConstraint": REGION})
        for name in template.FUNCTIONS:
            s3.upload_file(str(PACKAGES / f"nightkeep-{name.lower()}" / "bootstrap.zip"), "packages", f"{name}.zip")
        return {name: f"s3://packages/{name}.zip" for name in template.FUNCTIONS}

    @classmethod
    def on_the_way_to_ecs(cls, headers, body):
        """A task is given what ECS would give it by the template's task definition."""
        request = json.loads(body)
        if "taskDefinition" in request:
            request["taskDefinition"] = "nightkeep-agent"
            container = request["overrides"]["containerOverrides"][0]
            given = {f"AWS_ENDPOINT_URL_{service}": cls.recorders["Agent"].url for service in ("DYNAMODB", "S3", "SSM")}
            given |= {"AWS_ACCESS_KEY_ID": cls.credentials["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": cls.credentials["SecretAccessKey"], "AWS_SESSION_TOKEN": cls.credentials["SessionToken"], "AWS_REGION": REGION}
            given |= {"NIGHTKEEP_TABLE": cls.outputs["Table"], "NIGHTKEEP_BUCKET": cls.outputs["Bucket"], "NIGHTKEEP_PARAMETERS": "/nightkeep"}
            container["environment"] += [{"name": name, "value": value} for name, value in given.items()]
            request.pop("networkConfiguration", None)
        local = cls.local
        return signed_anew(headers, json.dumps(request).encode(), f"{local['AWS_ENDPOINT_URL_ECS']}/", "ecs", local["AWS_REGION"], local["AWS_ACCESS_KEY_ID"], local["AWS_SECRET_ACCESS_KEY"])

    @property
    def headers(self):
        """A script's, through API Gateway."""
        return {"authorization": f"Bearer {self.token}", "host": f"{self.made['Gateway']['PhysicalResourceId']}.execute-api.localhost"}

    def ask(self, method, path, body=None, **headers):
        return ask(method, f"{self.aws}{path}", body, self.headers | headers)

    @classmethod
    def logs(cls):
        """What the functions and everything else have said, and what was refused them."""
        client, text = cls.client("logs"), super().logs()
        for name in template.FUNCTIONS:
            try:
                events = client.filter_log_events(logGroupName=f"/aws/lambda/{STACK}-{name.lower()}")["events"]
            except client.exceptions.ResourceNotFoundException:
                continue
            text += f"\n--- {name}\n" + "\n".join(event["message"].strip() for event in events[-60:])
        return text + f"\n--- refused\n{[(name, one.denied) for name, one in cls.recorders.items() if one.denied]}"

    def ended(self, look):
        """Waits for the end of what has been begun."""
        try:
            return until("it to end", lambda: (found := look()) and found["status"] != "IN_PROGRESS" and found)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.logs()}") from None

    def test_1_everything_in_the_template_is_there(self):
        missing = set(self.template["Resources"]) - set(self.made)
        conditional = {name for name, resource in self.template["Resources"].items() if "Condition" in resource}
        self.assertEqual(missing - conditional, set())
        self.assertEqual({one["ResourceStatus"] for one in self.made.values()}, {"CREATE_COMPLETE"})
        table = self.client("dynamodb").describe_table(TableName=self.outputs["Table"])["Table"]
        self.assertEqual(table["StreamSpecification"]["StreamViewType"], "KEYS_ONLY")
        mappings = self.client("lambda").list_event_source_mappings(FunctionName=f"{STACK}-worker")["EventSourceMappings"]
        self.assertEqual(len(mappings), 1)
        schedules = self.client("scheduler").list_schedules()["Schedules"]
        self.assertEqual(len(schedules), 2, schedules)

    def test_1_what_is_not_encrypted_on_its_way_is_refused(self):
        self.assertEqual(self.unencrypted, "AccessDenied")

    def test_2_a_request_through_api_gateway_becomes_a_backup_and_a_restore(self):
        status, answer = self.ask("GET", "/maintenance")
        self.assertEqual((status, answer), (200, {"on": False, "message": None}), self.logs() if status != 200 else "")
        status, answer = self.ask("POST", "/api/backups", {"notes": "from the rehearsal"})
        self.assertEqual(status, 202, f"{answer}\n{self.logs()}")
        record = answer["record"]["id"]
        one = lambda id: lambda: self.ask("GET", f"/api/records/{id}")[1]["record"]
        ended = self.ended(one(record))
        self.assertEqual(ended["status"], "SUCCESS", f"{ended}\n{self.logs()}")
        self.assertEqual(ended["size"]["files"], 1)
        self.judge()

        letter = self.folder / "data" / "letter.txt"
        before = letter.read_text()
        letter.write_text("defaced")
        status, confirmation = self.ask("POST", "/api/confirmations", {"action": "restore", "record_id": record})
        self.assertEqual(status, 201, confirmation)
        status, answer = self.ask("POST", "/api/restores", {"record_id": record, "confirmation": {"id": confirmation["id"], "code": confirmation["code"]}})
        self.assertEqual(status, 202, answer)
        ended = self.ended(one(answer["record"]["id"]))
        self.assertEqual(ended["status"], "SUCCESS", f"{ended}\n{self.logs()}")
        self.assertEqual(letter.read_text(), before)

    def judge(self):
        """Plain restic finds it, with nothing but the bucket and the password."""
        password = self.client("ssm").get_parameter(Name="/nightkeep/secrets/repository-password", WithDecryption=True)["Parameter"]["Value"]
        environment = {**os.environ, "RESTIC_REPOSITORY": f"s3:{self.aws}/{self.outputs['Bucket']}/repository", "RESTIC_PASSWORD": password, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
        checked = subprocess.run(["restic", "check", "--read-data", "--no-cache", "--no-lock"], env=environment, capture_output=True, text=True)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_2_who_signs_in_is_sent_to_the_provider(self):
        connection = HTTPConnection(urlsplit(self.aws).netloc)
        connection.request("GET", "/sign-in", headers={"host": self.headers["host"]})
        answer = connection.getresponse()
        self.assertEqual((answer.status, answer.getheader("location").split("?")[0]), (303, f"{self.issuer}/auth"))
        connection.close()

    def test_3_a_setting_that_cannot_be_used_stops_nothing(self):
        self.client("ssm").put_parameter(Name="/nightkeep/retention-days", Value="many", Type="String")
        told = lambda: [one for one in self.ask("GET", "/api/state")[1]["wrong_settings"] if one["name"] == "retention-days"]
        until("the setting to be in doubt", told)

    def archive(self):
        """Makes a source archive; gives its id."""
        status, answer = self.ask("POST", "/api/source-archives", {})
        self.assertEqual(status, 202, answer)
        made = answer["activity"]["id"]
        ended = self.ended(lambda: self.ask("GET", f"/api/activity/{made}")[1]["activity"])
        self.assertEqual(ended["status"], "SUCCESS", f"{ended}\n{self.logs()}")
        return made

    def test_3_the_source_archive_has_a_link_that_works_and_replaces_what_was_there(self):
        s3, bucket = self.client("s3"), self.outputs["Bucket"]
        s3.create_multipart_upload(Bucket=bucket, Key="source-archives/never-finished.tar.gz")
        first, second = self.archive(), self.archive()
        status, link = self.ask("GET", f"/api/source-archives/{second}")
        self.assertEqual(status, 200, link)
        with urllib.request.urlopen(link["url"], timeout=30) as answer:
            self.assertEqual(answer.read(2), b"\x1f\x8b")
        self.assertIsNone(self.ask("GET", f"/api/source-archives/{first}")[1]["url"])
        self.assertEqual(len(s3.list_objects_v2(Bucket=bucket, Prefix="source-archives/")["Contents"]), 1)
        self.assertEqual(s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []), [])

    def test_4_the_other_doors(self):
        status, records = self.ask("GET", "/api/records?limit=1")
        newest = records["records"][0]
        status, edited = self.ask("PATCH", f"/api/records/{newest['id']}", {"notes": "edited"}, **{"if-match": f'"{newest["notes_version"]}"'})
        self.assertEqual((status, edited["record"]["notes"]), (200, "edited"))
        self.assertEqual(self.ask("GET", "/api/activity?limit=5")[0], 200)
        status, page = self.ask("GET", "/")
        self.assertIn("<title>Nightkeep</title>", page)

    def test_5_the_worker_is_woken_by_what_happens_on_ecs(self):
        events = self.client("events")
        for rule, event in (("WorkerTask", "ecs-task-state-change.json"), ("WorkerDeployment", "ecs-deployment-state-change.json")):
            name = self.made[rule]["PhysicalResourceId"].split("|")[-1]
            pattern = events.describe_rule(Name=name)["EventPattern"]
            sample = json.loads((ROOT / "tests" / "events" / event).read_text())
            text = json.dumps(sample).replace("eu-central-1:000000000000:cluster/tools", f"{REGION}:{ACCOUNT}:cluster/nightkeep")
            self.assertTrue(events.test_event_pattern(EventPattern=pattern, Event=text)["Result"], pattern)
            elsewhere = text.replace("cluster/nightkeep", "cluster/other").replace("service/nightkeep/", "service/other/")
            self.assertFalse(events.test_event_pattern(EventPattern=pattern, Event=elsewhere)["Result"], pattern)

    def test_5_the_schedule_fires(self):
        until("the scheduler to look", lambda: ("dynamodb:Query", f"table/{self.outputs['Table']}") in self.recorders["Scheduler"].seen)

    def test_6_a_night_comes_by_itself_and_a_purge_after_it(self):
        before = {record["id"] for record in self.ask("GET", "/api/records?limit=50")[1]["records"]}
        ssm = self.client("ssm")
        ssm.put_parameter(Name="/nightkeep/backup-time", Value=time.strftime("%H:%M", time.gmtime(time.time() - 60)), Type="String", Overwrite=True)
        ssm.put_parameter(Name="/nightkeep/nightly", Value="on", Type="String", Overwrite=True)
        # The settings are read again within a minute, and the schedule looks once a minute.
        fresh = lambda: [record for record in self.ask("GET", "/api/records?limit=50")[1]["records"] if record["id"] not in before]
        night, = until("the night's backup", fresh, 200)
        self.assertEqual(night["trigger"], "scheduled")
        ended = self.ended(lambda: self.ask("GET", f"/api/records/{night['id']}")[1]["record"])
        self.assertEqual(ended["status"], "SUCCESS", f"{ended}\n{self.logs()}")

    def test_9_what_was_asked_for_is_allowed_and_what_is_allowed_was_asked_for(self):
        table, bucket, written = self.outputs["Table"], self.outputs["Bucket"], template.translated()
        resources = {
            "AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT, "AWS::StackName": STACK, "ParametersPath": "/nightkeep",
            "Table.Arn": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}", "Bucket.Arn": f"arn:aws:s3:::{bucket}", "Cluster": "nightkeep", "ServicesCluster": "nightkeep",
        }
        unused = set()
        for name in ("Api", "Worker", "Scheduler", "Agent"):
            recorder = self.recorders[name]
            self.assertEqual(recorder.denied, [], name)
            seen = recorder.seen | (self.recorders["Ecs"].seen if name == "Worker" else set())
            for action, what in seen:
                service = action.split(":")[0]
                arn = {"s3": f"arn:aws:s3:::{what}", "dynamodb": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:{what}", "ssm": f"arn:aws:ssm:{REGION}:{ACCOUNT}:{what}"}.get(service, "*")
                if service == "ecs":
                    self.assertTrue(any(action in template.listed(one["Action"]) for one in template.statements(f"{name}Role", written)), action)
                else:
                    self.assertTrue(template.allows(f"{name}Role", action, arn, written, resources), f"{name} asked for {action} on {arn}")
            allowed = {action for one in template.statements(f"{name}Role", written) if one["Effect"] == "Allow" for action in template.listed(one["Action"])}
            unused |= {(name, action) for action in allowed - {action for action, _ in seen} - BY_AWS}
        self.assertEqual(unused, set(RARELY), "a role may do what it never does, or does what is said to be rare")


if __name__ == "__main__":
    unittest.main()
