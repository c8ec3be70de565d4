"""Does the promise hold? `bin/chaos` runs real jobs on real processes while it breaks them, then reconciles.

    __main__.py   a run: start, jobs and faults at the same time, wait, reconcile
    kinds.py      the jobs, which write to the ledger, outside the store, what really ran
    ledger.py     the file that has it all: what was accepted, ran, was mailed, was broken, is in the records
    client.py     asks for jobs over HTTP, as docs/calls.md says: with a key, again when there is no answer
    fleet.py      web and workers, each with a door of its own to Redis, and clocks that can be stepped
    fault.py      how a fault is drawn, by a seed, and noted
    faults.py     what goes wrong
    evidence.py   what a ledger tells of each run, and of the faults that touched it
    reconcile.py  what became of each job, and which promise is broken
    runs.py       what ran when it must not
    delays.py     how late jobs started
    document.py   the table in docs/proof.md
"""
