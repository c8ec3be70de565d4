"""The least that a web app could do with a job: gunicorn benchmarks.speed.bare:app"""

import json
import os

import redis
from flask import Flask, request

app = Flask(__name__)
app.extensions["on_start"] = []  # gunicorn.conf.py asks for it
store = redis.Redis.from_url(os.environ["REDIS_URL"])


@app.post("/api/jobs")
def push():
    store.rpush("jobs", json.dumps(request.get_json()))
    return {}, 202


@app.get("/health/live")
def live():
    return {}
