"""Google Pub/Sub, as much of it as kombu asks for: python -m tests.brokers.pubsub_emulator PORT FILE

Topics and subscriptions are kept in the file; messages are in memory.
"""

import json
import re
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1 import types


class Emulator:
    def __init__(self, file: Path):
        self.file, self.changed = file, threading.Condition()
        self.topics, self.subscriptions = json.loads(file.read_text()) if file.exists() else ({}, {})
        self.waiting = {name: [] for name in self.subscriptions}
        self.given = {}  # ack id -> (subscription, message, when it is given again)

    def keep(self):
        self.file.write_text(json.dumps([self.topics, self.subscriptions]))

    # --- google.pubsub.v1.Publisher

    def GetTopic(self, request: types.GetTopicRequest, context) -> types.Topic:
        if request.topic not in self.topics:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such topic")
        return types.Topic(name=request.topic)

    def CreateTopic(self, request: types.Topic, context) -> types.Topic:
        if request.name in self.topics:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, "there is such a topic")
        self.topics[request.name] = True
        self.keep()
        return request

    def Publish(self, request: types.PublishRequest, context) -> types.PublishResponse:
        ids = []
        with self.changed:
            for message in request.messages:
                ids.append(uuid.uuid4().hex)
                message.message_id = ids[-1]
                for name, (topic, key) in self.subscriptions.items():
                    if topic == request.topic and key in ("", message.attributes.get("routing_key")):
                        self.waiting[name].append(message)
            self.changed.notify_all()
        return types.PublishResponse(message_ids=ids)

    # --- google.pubsub.v1.Subscriber

    def CreateSubscription(self, request: types.Subscription, context) -> types.Subscription:
        if request.name in self.subscriptions:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, "there is such a subscription")
        self.UpdateSubscription(types.UpdateSubscriptionRequest(subscription=request), context)
        self.waiting[request.name] = []
        return request

    def UpdateSubscription(self, request: types.UpdateSubscriptionRequest, context) -> types.Subscription:
        wanted = request.subscription
        key = re.fullmatch(r'attributes.routing_key="(.*)"|', wanted.filter)[1] or ""
        self.subscriptions[wanted.name] = (wanted.topic, key)
        self.keep()
        return wanted

    def Pull(self, request: types.PullRequest, context) -> types.PullResponse:
        if request.subscription not in self.subscriptions:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such subscription")
        with self.changed:
            while context.is_active() and not self.found(request.subscription):
                self.changed.wait(0.2)
            if not context.is_active():
                return types.PullResponse()
            messages = self.waiting[request.subscription][:request.max_messages]
            del self.waiting[request.subscription][:request.max_messages]
            received = [types.ReceivedMessage(ack_id=uuid.uuid4().hex, message=message) for message in messages]
            for one in received:
                self.given[one.ack_id] = (request.subscription, one.message, time.monotonic() + 10)
        return types.PullResponse(received_messages=received)

    def found(self, name) -> bool:
        for id, (subscription, message, due) in list(self.given.items()):
            if due < time.monotonic():
                self.waiting[subscription].append(message)
                del self.given[id]
        return bool(self.waiting[name])

    def Acknowledge(self, request: types.AcknowledgeRequest, context) -> Empty:
        with self.changed:
            for id in request.ack_ids:
                self.given.pop(id, None)
        return Empty()

    def ModifyAckDeadline(self, request: types.ModifyAckDeadlineRequest, context) -> Empty:
        with self.changed:
            for id in set(request.ack_ids) & set(self.given):
                subscription, message, _ = self.given[id]
                self.given[id] = (subscription, message, time.monotonic() + request.ack_deadline_seconds)
            self.changed.notify_all()
        return Empty()


def handlers(emulator, service, *names):
    def handler(name):
        method = getattr(emulator, name)
        kind = method.__annotations__["request"]
        answer = method.__annotations__["return"]
        return grpc.unary_unary_rpc_method_handler(
            method, kind.deserialize, Empty.SerializeToString if answer is Empty else answer.serialize)

    return grpc.method_handlers_generic_handler(f"google.pubsub.v1.{service}", {name: handler(name) for name in names})


if __name__ == "__main__":
    emulator, server = Emulator(Path(sys.argv[2])), grpc.server(ThreadPoolExecutor(64))
    server.add_generic_rpc_handlers([
        handlers(emulator, "Publisher", "GetTopic", "CreateTopic", "Publish"),
        handlers(emulator, "Subscriber", "CreateSubscription", "UpdateSubscription", "Pull", "Acknowledge",
                 "ModifyAckDeadline")])
    server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
    server.start()
    server.wait_for_termination()
