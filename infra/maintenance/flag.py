"""Whether the application is under maintenance, for an application in Python: from the table or from the
console. It asks every two seconds at most, and if it cannot ask, what it heard last goes on.

    flag = Flag(item_of("nightkeep-Table-1A2B3C4D5E6F"))           # needs boto3 and dynamodb:GetItem
    flag = Flag(answer_of("https://nightkeep.example.com"))        # needs nothing
    if (message := flag.message()) is not None:
        return 503, {"Retry-After": "30"}, message
"""

import json
import logging
import threading
import time
from urllib.error import HTTPError
from urllib.request import urlopen

SECONDS = 2.0
TIMEOUT = 3.0


def item_of(table, client=None):
    """Reads the flag from Nightkeep's DynamoDB table."""
    import boto3
    from botocore.config import Config

    client = client or boto3.client("dynamodb", config=Config(connect_timeout=TIMEOUT, read_timeout=TIMEOUT, retries={"total_max_attempts": 2}))
    key = {"pk": {"S": "console"}, "sk": {"S": "maintenance"}}

    def ask():
        item = client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item", {})
        return item.get("on", {}).get("BOOL", False), item.get("message", {}).get("S", "")

    return ask


def answer_of(console):
    """Asks the console."""

    def ask():
        try:
            with urlopen(f"{console}/maintenance", timeout=TIMEOUT) as answer:
                said = json.load(answer)
        except HTTPError as error:
            # 503 while it is on. What API Gateway says by itself has no "on", and is no answer.
            said = json.load(error)
        return said["on"], said["message"] or ""

    return ask


class Flag:
    """The flag as it was heard last; for any number of threads."""

    def __init__(self, ask):
        self._ask = ask
        self._lock = threading.Lock()
        self._heard = (False, "")
        self._until = 0.0

    def message(self):
        """What to tell users while it is on, and None while it is off."""
        if time.monotonic() >= self._until and self._lock.acquire(blocking=self._until == 0.0):
            try:
                if time.monotonic() >= self._until:
                    self._heard = self._ask()
            except Exception as error:
                logging.warning("asking whether the application is under maintenance: %s; what was heard last goes on", error)
            finally:
                self._until = time.monotonic() + SECONDS
                self._lock.release()
        on, message = self._heard
        return message if on else None
