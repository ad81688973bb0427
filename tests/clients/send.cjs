// Sends with @segment/analytics-node and waits until the client has handed everything over.
const { createRequire } = require("node:module");
const { setTimeout: pause } = require("node:timers/promises");
const { Analytics } = createRequire(process.cwd() + "/")("@segment/analytics-node");

const [events, customers] = process.argv.slice(2).map(Number);
const options = { writeKey: process.env.RETAIND_KEY, host: process.env.RETAIND_URL, flushAt: 50, maxRetries: 60 };
const client = new Analytics(options);
const failed = [];
client.on("error", (error) => failed.push(error));
const at = (second) => new Date(Date.UTC(2026, 0, 2, 3, 4, 5 + second));

async function send() {
  client.page({ anonymousId: "node-device", category: "Shop", name: "Home", timestamp: at(0) });
  client.screen({ anonymousId: "node-device", name: "Start", timestamp: at(0) });
  for (let number = 0; number < events; number++) {
    const of = number % customers;
    client.track({
      userId: of ? `node-customer-${of}` : "node-customer",
      event: "Order Completed",
      properties: { order_id: `node-${number}`, revenue: 1.5, note: "é", nothing: null },
      timestamp: at(number),
    });
    // All at once would open a connection for each batch.
    if (number % 500 === 499) await pause(50);
  }
  const traits = { email: "node@customers.example", joined: "2026-01-02T03:04:05" };
  client.identify({ userId: "node-customer", anonymousId: "node-device", traits });
  client.group({ userId: "node-customer", groupId: "node-company", traits: { name: "Company" } });
  client.alias({ userId: "node-customer", previousId: "node-old" });
  await client.closeAndFlush({ timeout: 300000 });
  if (failed.length > 0) {
    console.error("the client gave up:", failed[0]);
    process.exit(1);
  }
}
send();
