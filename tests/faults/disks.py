"""Disks that are full, or fail. Used by trouble.py."""
import contextlib, errno, json, os, re, signal, struct, subprocess, time
import world
from shop import HERE, LETTER, Shop, Skipped, must, sort


@sort
def full_disk(options):
    """The disk is full while mails and calls are queued, over a kill; then there is room again (D10)."""
    if os.geteuid():
        raise Skipped("only root may make a small disk")
    with Shop(options, store="disk/data") as shop, small_disk(shop.project / "disk", options.size or 96) as disk:
        shop.take_mail()
        shop.take_calls()
        shop.run()
        shop.orders(50)
        shop.settled(100)
        shop.command("pause")
        shop.orders(50)
        world.wait_until(lambda: shop.states().get("queued", 0) >= 100, "100 deliveries queued")
        fill(disk / "filler")
        answers = shop.until_refused()
        must(answers[-1] == 503, f"events on a full disk are answered with {answers[-1]}")
        status, text = shop.ask("/readyz")
        must(status == 503 and "no space" in text, f"on a full disk /readyz says {status} {text}")
        must(shop.metric("retaind_store_writable") == 0, "the metric says that the store can be written")
        told = json.loads(shop.command("status", "--format", "json"))
        must(not told["store"]["writable"] and any("full" in one["what"] for one in told["attention"]), f"status says {told['attention']}")
        # What is decided goes out, and a withdrawal is taken.
        shop.command("resume")
        shop.settled(200)
        no = {"type": "identify", "userId": "c1", "messageId": "no", "timestamp": shop.stamp(), "traits": {"consent": {"marketing": False}}}
        must(shop.post([no]) == 200, "a withdrawal was not taken")
        must(shop.post([no | {"userId": "new", "messageId": "new", "traits": {}}]) == 503, "a new customer was taken")
        used = shop.processor()
        time.sleep(5)
        busy = (shop.processor() - used) / 5
        must(busy < 0.1, f"{100 * busy:.0f} % of a core for waiting")
        shop.end(signal.SIGKILL)
        shop.run(status=503)
        must(shop.states().get("sent") == 200, f"after a kill on a full disk there are {shop.states()}")
        lines = len(re.findall("ERROR no space left", shop.log()))
        must(lines <= 2, f"{lines} lines of the log say that the disk is full")
        (disk / "filler").unlink()
        world.wait_until(lambda: shop.ask("/readyz")[0] == 200, "readiness after there is room", 60)
        must(shop.metric("retaind_store_writable") == 1, "the metric says that the store cannot be written")
        shop.orders(20)
        shop.settled(240)
        result = shop.judge("none")
        taken = shop.customers()
        return (f"with no room events got {answers[-1]} after {answers.count(200)} batches, /readyz {status}; 100 queued deliveries went out all the "
                f"same, a withdrawal was taken, {100 * busy:.1f} % of a core; killed and started again on the full disk; "
                f"with room again all went on by itself, {taken} customers, lost {result['lost']}, doubled {result['dup']}")


@sort
def failing_disk(options):
    """Writes fail while mails are under way: their outcomes can only be recorded when writes work again (D11)."""
    with Shop(options, LETTER) as shop:
        disk = shop.work / "disk"
        disk.write_bytes(bytes(8))
        library = shop.work / "disk.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, HERE / "disk.c", "-ldl"], check=True)
        shop.take_mail("stall:1:4")
        shop.run(environment={"LD_PRELOAD": str(library), "DISK_FILE": str(disk)})
        seen, expected = [], 0
        for error in (errno.EIO, errno.EROFS):
            shop.command("pause")
            shop.orders(20)
            expected += 20
            world.wait_until(lambda: shop.states().get("queued", 0) >= 20, "20 mails queued")
            shop.command("resume")
            world.wait_until(lambda: shop.states().get("sending", 0) >= 8, "8 mails under way")
            disk.write_bytes(struct.pack("q", error))
            time.sleep(8)
            before, used = len(shop.mails()), shop.processor()
            must(shop.post([{"type": "identify", "userId": "x", "messageId": f"x{error}", "timestamp": shop.stamp()}]) == 503, "an event was taken")
            status, text = shop.ask("/readyz")
            must(status == 503, f"/readyz says {status} {text}")
            told = json.loads(shop.command("status", "--format", "json"))
            must(not told["store"]["writable"], "status says that the store can be written")
            time.sleep(12)
            must(shop.daemon.poll() is None, f"the daemon ended: {shop.log()[-600:]}")
            busy, after = (shop.processor() - used) / 12, len(shop.mails())
            must(after == before, f"{after - before} mails more went out without a record")
            must(busy < 0.1, f"{100 * busy:.0f} % of a core for waiting")
            disk.write_bytes(bytes(8))
            world.wait_until(lambda: shop.ask("/readyz")[0] == 200, "readiness after writes work again", 60)
            shop.settled(expected)
            seen.append(f"{errno.errorcode[error]}: {before - expected + 20} mails accepted and none more in 12 s, {100 * busy:.1f} % of a core")
        result = shop.judge("none")
        lines = len(re.findall("ERROR", shop.log()))
        must(lines < 20, f"{lines} lines of errors")
        return f"{'; '.join(seen)}; events got 503, afterwards all went on by itself, lost {result['lost']}, doubled {result['dup']}"


@contextlib.contextmanager
def small_disk(folder, megabytes):
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(path):
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))
