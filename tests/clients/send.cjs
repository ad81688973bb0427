// Sends with @segment/analytics-node and waits until the client has handed everything over.
const { createRequire } = require("node:module");
const { Analytics } = createRequire(process.cwd() + "/")("@segment/analytics-node");

const events = Number(process.argv[2]);
const client = new Analytics({ writeKey: process.env.RETAIND_KEY, host: process.env.RETAIND_URL, flushAt: 50 });
const failed = [];
client.on("error", (error) => failed.push(error));
const at = (second) => new Date(Date.UTC(2026, 0, 2, 3, 4, 5 + second));

client.page({ anonymousId: "node-device", category: "Shop", name: "Home", timestamp: at(0) });
client.screen({ anonymousId: "node-device", name: "Start", timestamp: at(0) });
for (let number = 0; number < events; number++) {
  client.track({
    userId: "node-customer",
    event: "Order Completed",
    properties: { order_id: `node-${number}`, revenue: 1.5, note: "é", nothing: null },
    timestamp: at(number),
  });
}
const traits = { email: "node@customers.example", joined: "2026-01-02T03:04:05" };
client.identify({ userId: "node-customer", anonymousId: "node-device", traits });
client.group({ userId: "node-customer", groupId: "node-company", traits: { name: "Company" } });
client.alias({ userId: "node-customer", previousId: "node-old" });
client.closeAndFlush({ timeout: 60000 }).then(() => {
  if (failed.length > 0) {
    console.error("the client gave up:", failed[0]);
    process.exit(1);
  }
});
