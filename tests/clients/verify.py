"""Reads `retaind customers show CUSTOMER --format json` and compares it with what the clients send."""

import json
import sys

customer, events = sys.argv[1], int(sys.argv[2])
shown = json.load(sys.stdin)
client = customer.split("-")[0]
expected = {
    "id": customer,
    "orders": events,
    "revenue": 1.5 * events,
    "email": f"{client}@customers.example",
    "joined": "2026-01-02T03:04:05Z",
}
found = {
    "id": shown["id"],
    "orders": shown["orders"]["count"],
    "revenue": float(shown["orders"]["revenue"]),
    "email": shown["attributes"].get("email"),
    "joined": shown["attributes"].get("joined"),
}
if found != expected:
    sys.exit(f"expected {expected}\n     got {found}")
print(f"{customer}: {events} events, each once")
