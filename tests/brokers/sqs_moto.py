"""moto's SQS, which has its queues before anybody can ask for them: python tests/brokers/sqs_moto.py PORT"""

import sys

from moto.core import DEFAULT_ACCOUNT_ID
from moto.server import main
from moto.sqs import sqs_backends

for name in ("default", "mail"):
    sqs_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].create_queue(name)
main(["-H", "127.0.0.1", "-p", sys.argv[1]])
