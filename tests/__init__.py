"""Three layers: unit (no server), live (a real Redis and real processes), browser (real Chromium).

Every server and process is started by the test that needs it, on a free port, and stopped with it.
"""
