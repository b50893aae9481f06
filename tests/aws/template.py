"""The template: as it is written, as CloudFormation gets it, and what its policies allow."""

import json
import logging
import os
import re
from fnmatch import fnmatchcase

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from support import ROOT

TEMPLATE = ROOT / "infra" / "template.yaml"
REGION = "eu-central-1"
ACCOUNT = "000000000000"
FUNCTIONS = ["Api", "Worker", "Scheduler"]

os.environ["AWS_DEFAULT_REGION"] = REGION
# It has metrics of its own, which nobody collects here.
logging.getLogger("samtranslator").setLevel(logging.ERROR)


class NoManagedPolicies:
    """The template names none."""

    def load(self):
        return {}


def written():
    """The template as it is written."""
    return yaml_parse(TEMPLATE.read_text())


def translated(packages=None):
    """The template as CloudFormation gets it, with the packages uploaded to these places by function."""
    template = written()
    for name in FUNCTIONS:
        place = (packages or {}).get(name, "s3://packages/package.zip")
        template["Resources"][name]["Properties"]["CodeUri"] = place
    return transform(template, {}, NoManagedPolicies())


def listed(value):
    return value if isinstance(value, list) else [value]


def resolve(value, resources):
    """A template's value as text, with what is only known after the deployment as `*`, or by `resources`."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return [resolve(one, resources) for one in value]
    if not isinstance(value, dict):
        return value
    if "Ref" in value:
        return resources.get(value["Ref"], "*")
    if "Fn::GetAtt" in value:
        attribute = value["Fn::GetAtt"]
        attribute = attribute if isinstance(attribute, str) else ".".join(attribute)
        return resources.get(attribute, "*")
    if "Fn::Sub" in value:
        text, more = value["Fn::Sub"], {}
        if isinstance(text, list):
            text, more = text
        return re.sub(r"\$\{([^}]+)\}", lambda found: str(resolve(more.get(found[1]), resources) if found[1] in more else resources.get(found[1], "*")), text)
    if "Fn::If" in value:
        return resolve(value["Fn::If"][1], resources)
    return {name: resolve(one, resources) for name, one in value.items()}


def statements(role, template, resources=None):
    """The statements of a role's policies."""
    for policy in template["Resources"][role]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            yield resolve(statement, resources or {})


def matches(pattern, text):
    """As IAM compares: `*` stands for anything."""
    return fnmatchcase(text, re.sub(r"([\[\]])", r"[\1]", pattern))


def allows(role, action, resource, template, resources):
    """Whether the role's policies allow the action on the resource. Conditions are not looked at."""
    allowed = False
    for statement in statements(role, template, resources):
        acts = any(matches(one.lower(), action.lower()) for one in listed(statement["Action"]))
        if not acts or not any(matches(one, resource) for one in listed(statement["Resource"])):
            continue
        if statement["Effect"] == "Deny":
            return False
        allowed = True
    return allowed


def dump(template, path):
    path.write_text(json.dumps(template, indent=1))
