"""What SQS refuses."""

import os

import boto3
import pytest

from tests.brokers import sqs


@pytest.fixture
def broker(tmp_path):
    if sqs.missing() and not os.environ.get("EVERY_BROKER"):
        pytest.skip(f"SQS is not here: {sqs.missing()}")
    broker = sqs.SQS(tmp_path)
    yield broker
    broker.end()


def test_a_job_is_accepted_though_somebody_deleted_the_queue_and_runs_when_a_worker_has_made_it(redis, broker,
                                                                                               make_dynos):
    app = make_dynos(redis.url, BROKER_URL=broker.url)
    ids = [app.work("before")]
    client = boto3.client("sqs", region_name="us-east-1", endpoint_url=f"http://127.0.0.1:{broker.port}",
                          aws_access_key_id="testing", aws_secret_access_key="testing")
    client.delete_queue(QueueUrl=client.get_queue_url(QueueName="default")["QueueUrl"])
    client.close()
    ids.append(app.work("after"))
    app.worker()
    assert [app.wait(id)["state"] for id in ids] == ["succeeded", "succeeded"]
