"""What bin/dev and the tests need and the slug does not: a Redis server of their own, and the processes."""
