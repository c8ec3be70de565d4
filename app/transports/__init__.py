"""What kombu's transports lack, a file each. app.brokers says which URL takes which."""

#: A header of our messages: the job had a record when it was published. Without one now, it was deleted and does not
#: run; and who loses the message loses nothing.
RECORDED = "recorded"
