#!/usr/bin/env python3
"""The world around the daemon in the container: who sends events, who receives webhooks, what stops a thread.

usage: outside.py receive PORT SECRET LOG   verifies each webhook's signature, writes a line of JSON for each
       outside.py send PORT KEY EVENT ID    sends one event; prints the status of the answer
       outside.py freeze PID                stops the thread of the process that waits for the outside; holds it until ended
"""

import base64
import ctypes
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import sys
import time
import urllib.error
import urllib.request

# ptrace(2): attach without a stop, then stop that one thread.
PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
# waitpid(2): threads, too.
WALL = 0x40000000
# A thread in these waits for what comes over the network and for the next timer: epoll_wait and epoll_pwait, by machine.
WAITS = {"x86_64": ("232", "281"), "aarch64": ("22",)}


def receive(port, secret, log):
    key = base64.b64decode(secret.removeprefix("whsec_"))

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            told = self.headers["webhook-id"], self.headers["webhook-timestamp"]
            signed = b".".join([told[0].encode(), told[1].encode(), body])
            expected = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
            good = hmac.compare_digest(expected, self.headers["webhook-signature"])
            with open(log, "a", encoding="utf-8") as lines:
                lines.write(json.dumps({"id": told[0], "signature": good, **json.loads(body)}) + "\n")
            self.send_response(204 if good else 401)
            self.end_headers()

        def log_message(self, *_):
            pass

    http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Receiver).serve_forever()


def send(port, key, event, message_id):
    message = {"userId": "c1", "event": event, "messageId": message_id, "properties": {"order_id": message_id}}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/track", json.dumps(message).encode())
    request.add_header("content-type", "application/json")
    request.add_header("authorization", "Basic " + base64.b64encode(f"{key}:".encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            print(answer.status)
    except urllib.error.HTTPError as answer:
        print(answer.code)


def waiting_thread(pid):
    for _ in range(200):
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            if (task / "syscall").read_text(encoding="ascii").split()[0] in WAITS[os.uname().machine]:
                return int(task.name)
        time.sleep(0.01)
    sys.exit("no thread waits for the outside")


def freeze(pid):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    thread = waiting_thread(pid)
    for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
        if libc.ptrace(request, thread, None, None) != 0:
            sys.exit(f"ptrace: {os.strerror(ctypes.get_errno())}")
    print(f"thread {thread} of process {pid} is frozen", flush=True)
    # A thread that somebody holds is not gone, and its process with it, before that one has taken note of its end.
    while True:
        _, status = os.waitpid(thread, WALL)
        if not os.WIFSTOPPED(status):
            break


if __name__ == "__main__":
    {"receive": receive, "send": send, "freeze": freeze}[sys.argv[1]](*sys.argv[2:])
