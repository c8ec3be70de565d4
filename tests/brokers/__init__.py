"""Every broker of app/brokers.py: the same acceptance suite on a real server, or what stands in for one."""
