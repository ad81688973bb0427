"""Sends with segment-analytics-python, packed and not, and waits until the client has handed everything over."""

import datetime
import os
import sys

from segment.analytics.client import Client

events, customers = int(sys.argv[1]), int(sys.argv[2])
failed = []
# More than the queue of a client holds is dropped by it in silence.
options = {"host": os.environ["RETAIND_URL"], "on_error": lambda error, items: failed.append(error), "max_queue_size": events + 10}
clients = [Client(os.environ["RETAIND_KEY"], gzip=packed, **options) for packed in (False, True)]
start = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)

clients[0].page(anonymous_id="python-device", category="Shop", name="Home", timestamp=start)
clients[0].track(anonymous_id="python-device", event="Product Viewed", timestamp=start)
for number in range(events):
    of = number % customers
    clients[number % 2].track(
        f"python-customer-{of}" if of else "python-customer",
        "Order Completed",
        {"order_id": f"python-{number}", "revenue": 1.5, "note": "é", "nothing": None},
        timestamp=start + datetime.timedelta(seconds=number),
    )
traits = {"email": "python@customers.example", "joined": datetime.datetime(2026, 1, 2, 3, 4, 5)}
clients[1].identify("python-customer", traits, anonymous_id="python-device")
clients[1].group("python-customer", "python-company", {"name": "Company"})
clients[1].alias("python-old", "python-customer")
for client in clients:
    client.flush()
    client.join()
if failed:
    sys.exit(f"the client gave up: {failed[0]}")
