"""The kinds of job: one file each, found by app.kinds. Delete a file and its kind is gone."""
