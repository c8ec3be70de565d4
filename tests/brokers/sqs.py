"""Amazon SQS as moto has it."""

import shutil
import sys
from importlib.util import find_spec

import boto3

from tests.brokers.processes import Server


def missing() -> str:
    return "" if find_spec("pycurl") else "pip install -r requirements-brokers.txt"


class SQS(Server):
    """Killed, it forgets its messages, and has its queues again."""

    @property
    def url(self):
        return f"sqs://testing:testing@127.0.0.1:{self.port}"

    def command(self):
        return [shutil.which("moto_server", path=f"{sys.prefix}/bin"), "-H", "127.0.0.1", "-p", str(self.port)]

    def start(self):
        super().start()
        client = boto3.client("sqs", region_name="us-east-1", endpoint_url=f"http://127.0.0.1:{self.port}",
                              aws_access_key_id="testing", aws_secret_access_key="testing")
        for name in ("default", "mail"):
            client.create_queue(QueueName=name)
        client.close()
