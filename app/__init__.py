"""The app: jobs that run when they were asked to, once, whatever happens to the dynos in between.

The path of a job, and the file to open for each step:

    request -> validated          web/, accept.py             by the kind's Pydantic model in jobs/
    -> stored, scheduled          job.py, store.lua           one script; nothing accepted is lost
    -> promoted when due          timers.py                   any worker may; one wins
    -> queued                     queue.py                    the broker carries a wake-up
    -> taken under a lease        job.py                      compare-and-set; a second message ends here
    -> runs, with progress        jobs/<kind>.py              a checkpoint reports and learns of a cancel
    -> settled                    job.py                      by the run that holds the lease, no other
    -> seen by the user           web/                        the record is what the page shows

Beside it: schedules.py makes jobs that recur, files.py keeps what people upload and jobs make (bucket.py: elsewhere
than in Redis), tables/ reads uploads, report/ does the work of one kind.

Layers only look down: web and jobs see job.py; job.py sees store.py; store.py sees nothing of ours.
Flask is imported by web/ alone.
"""

NAME = "Later"
