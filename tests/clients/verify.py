"""verify.py PROGRAM CLIENT EVENTS CUSTOMERS: compares what the daemon has of a client's customers with what it sends."""

import collections
import json
import subprocess
import sys

program, client, events, customers = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
first = f"{client}-customer"


def show(customer):
    command = [program, "customers", "show", customer, "--format", "json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def compare(customer, expected, found):
    if found != expected:
        sys.exit(f"{customer}: expected {expected}\n     got {found}")


sent = collections.Counter(number % customers for number in range(events))
for number in range(customers):
    customer = f"{first}-{number}" if number else first
    shown = show(customer)
    expected = {"id": customer, "orders": sent[number], "revenue": 1.5 * sent[number]}
    orders = shown["orders"]
    compare(customer, expected, {"id": shown["id"], "orders": orders["count"], "revenue": float(orders["revenue"])})
for known_as in (first, f"{client}-old", f"anonymous:{client}-device"):
    shown = show(known_as)
    attributes = shown["attributes"]
    expected = {"id": first, "email": f"{client}@customers.example", "joined": "2026-01-02T03:04:05Z"}
    found = {"id": shown["id"], "email": attributes.get("email"), "joined": attributes.get("joined")}
    compare(known_as, expected, found)
print(f"{client}: {events} events of {customers} customers, each once")
