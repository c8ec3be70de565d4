"""How fast, beside other queues: python -m benchmarks.speed [PART …] [--rounds 3] [--most 1000000]

    bench.py     one queue on a Redis server of its own, for a measurement
    accept.py    HTTP, one by one and in bulk, against a bare Flask view (bare.py) that pushes to a list of Redis
    jobs.py      no-op jobs, made and run, against other queues and against what Redis itself takes for them
    delayed.py   jobs for later: seconds, bytes and memory of many
    due.py       how late they are when they fall due
    rest.py      what a worker costs that does nothing, and how soon its jobs go on when it is killed
    chart.py     the figures as SVG

All on one machine, so compare the lines of a table with each other. Each part writes its tables into docs/speed.md, and
its charts beside it.
"""
