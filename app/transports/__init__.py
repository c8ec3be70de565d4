"""What kombu's transports lack, a file each. app.brokers says which URL takes which."""
