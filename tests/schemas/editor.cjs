// What an editor offers and explains: the YAML language server, asked over its own protocol.
// editor.cjs SERVER PROJECT: SERVER is the server's program, PROJECT a folder that `retaind init` made.
const { spawn } = require("child_process");
const fs = require("fs");
const path = require("path");
const { pathToFileURL } = require("url");

const [server, project] = process.argv.slice(2);
const child = spawn(process.execPath, [server, "--stdio"], { stdio: ["pipe", "pipe", "inherit"] });
const waiting = new Map();
const diagnostics = new Map();
let buffer = Buffer.alloc(0);
let last = 0;

child.stdout.on("data", (data) => {
  buffer = Buffer.concat([buffer, data]);
  for (;;) {
    const head = buffer.indexOf("\r\n\r\n");
    if (head < 0) return;
    const length = Number(/Content-Length: (\d+)/i.exec(buffer.subarray(0, head).toString())[1]);
    if (buffer.length < head + 4 + length) return;
    const message = JSON.parse(buffer.subarray(head + 4, head + 4 + length).toString());
    buffer = buffer.subarray(head + 4 + length);
    take(message);
  }
});

function take(message) {
  if (message.method === "textDocument/publishDiagnostics") {
    diagnostics.set(message.params.uri, message.params.diagnostics);
  } else if (message.method && message.id !== undefined) {
    // The server's own questions: what its settings are, and whether things may be registered.
    const asked = message.params && message.params.items;
    send({ id: message.id, result: asked ? asked.map(() => null) : null });
  } else if (message.id !== undefined) {
    waiting.get(message.id)(message);
    waiting.delete(message.id);
  }
}

function send(message) {
  const text = JSON.stringify({ jsonrpc: "2.0", ...message });
  child.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
}

function ask(method, params) {
  last += 1;
  const id = last;
  send({ id, method, params });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${method} is not answered`)), 20000);
    waiting.set(id, (message) => {
      clearTimeout(timer);
      if (message.error) reject(new Error(JSON.stringify(message.error)));
      else resolve(message.result);
    });
  });
}

let opened = 0;
// Opens a text in which `|` is the cursor, as a file of the project.
function open(file, marked) {
  opened += 1;
  const at = marked.indexOf("|");
  const text = at < 0 ? marked : marked.slice(0, at) + marked.slice(at + 1);
  const before = marked.slice(0, Math.max(at, 0)).split("\n");
  // Only the text matters: nothing is written, and the schema is found beside the folder that is named.
  const uri = pathToFileURL(path.join(project, path.dirname(file), `${opened}-${path.basename(file)}`)).href;
  send({
    method: "textDocument/didOpen",
    params: { textDocument: { uri, languageId: "yaml", version: 1, text } },
  });
  return { textDocument: { uri }, position: { line: before.length - 1, character: before.at(-1).length } };
}

let wrong = 0;
async function offers(what, file, text, wanted) {
  const found = await ask("textDocument/completion", open(file, text));
  const items = found ? found.items || found : [];
  const labels = items.map((item) => item.label);
  const missing = wanted.filter((word) => !labels.some((label) => label.includes(word)));
  const shown = labels.slice(0, 12).join(" · ");
  console.log(`${missing.length ? "WRONG" : "ok"}  ${what}: ${shown}${labels.length > 12 ? " …" : ""}`);
  if (missing.length) console.log(`       missing: ${missing.join(", ")}`);
  wrong += missing.length ? 1 : 0;
  const silent = items.filter((item) => wanted.includes(item.label) && item.kind === 10 && !item.documentation);
  if (silent.length) {
    console.log(`WRONG  ${what}: no word on ${silent.map((item) => item.label).join(", ")}`);
    wrong += 1;
  }
}

// What is inserted for a text must be that text to YAML.
async function inserts(what, file, text) {
  const yaml = require(path.join(path.dirname(server), "../../yaml"));
  const found = await ask("textDocument/completion", open(file, text));
  const items = (found.items || found).filter((item) => item.kind === 12 || item.kind === 9);
  const bad = items.filter((item) => yaml.parse(`- ${item.textEdit ? item.textEdit.newText : item.insertText}`)[0] !== item.label);
  const good = items.length > 3 && bad.length === 0;
  console.log(`${good ? "ok" : "WRONG"}  ${what}: ${items.length} texts${bad.map((item) => `; not ${item.label}`).join("")}`);
  wrong += good ? 0 : 1;
}

async function explains(what, file, text, wanted) {
  const found = await ask("textDocument/hover", open(file, text));
  const shown = found ? [found.contents].flat().map((part) => part.value || part).join("\n") : "";
  const good = shown.includes(wanted);
  console.log(`${good ? "ok" : "WRONG"}  ${what}: ${shown.split("\n").filter(Boolean).slice(0, 2).join(" / ").slice(0, 140)}`);
  wrong += good ? 0 : 1;
}

async function minds(what, file, text, wanted) {
  const { textDocument } = open(file, text);
  for (let tries = 0; tries < 100 && !diagnostics.has(textDocument.uri); tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const found = (diagnostics.get(textDocument.uri) || []).map((one) => one.message);
  const good = wanted === "" ? found.length === 0 : found.some((message) => message.includes(wanted));
  console.log(`${good ? "ok" : "WRONG"}  ${what}: ${found.join(" / ").slice(0, 160) || "nothing"}`);
  wrong += good ? 0 : 1;
}

const RULE = "# yaml-language-server: $schema=../schema/rule.json\n";
const HEAD = `${RULE}rule: x\nclass: marketing\n`;
const WHOLE = `${HEAD}trigger: {schedule: "0 10 * * *"}\nwhen: everyone\nagain_after: 30d\n`;

async function main() {
  await ask("initialize", {
    processId: process.pid,
    rootUri: pathToFileURL(project).href,
    capabilities: { textDocument: { completion: { completionItem: { documentationFormat: ["markdown"] } }, hover: { contentFormat: ["markdown"] } } },
  });
  send({ method: "initialized", params: {} });
  send({
    method: "workspace/didChangeConfiguration",
    params: { settings: { yaml: { validate: true, hover: true, completion: true, schemaStore: { enable: false } } } },
  });

  await offers("keys of a rule", "rules/x.yaml", `${HEAD}|`, ["trigger", "when", "goal", "holdout", "pause_if", "while"]);
  await offers("classes", "rules/x.yaml", `${RULE}rule: x\nclass: |`, ["marketing", "service"]);
  await offers("kinds of triggers", "rules/x.yaml", `${HEAD}trigger:\n  |`, ["schedule", "event", "date", "enters", "leaves"]);
  await offers("time zones", "rules/x.yaml", `${HEAD}trigger:\n  schedule: "0 10 * * *"\n  timezone: |`, ["business", "customer"]);
  await offers("events of the project", "rules/x.yaml", `${HEAD}trigger:\n  event: |`, ["Order Completed", "Signed Up"]);
  await offers("dates of the project", "rules/x.yaml", `${HEAD}trigger:\n  date: |`, ["birthday", "membership_ends_on"]);
  await offers("topics of the project", "rules/x.yaml", `${HEAD}topic: |`, ["offers"]);
  await offers("conditions", "rules/x.yaml", `${HEAD}when:\n  - |`, ["orders.count >= 2", "customer.wholesale"]);
  await inserts("conditions as they are inserted", "rules/x.yaml", `${HEAD}when:\n  - |`);
  await offers("keys of a step", "rules/x.yaml", `${WHOLE}steps:\n  - |`, ["email", "webhook", "day", "when"]);
  await offers("templates of the project", "rules/x.yaml", `${WHOLE}steps:\n  - email: |`, ["win-back", "win-back-why", "birthday"]);
  await offers("keys of a goal", "rules/x.yaml", `${WHOLE}goal:\n  |`, ["event", "within", "value"]);
  await explains("holdout", "rules/x.yaml", `${WHOLE}hol|dout: 10%\nsteps:\n  - email: win-back\n`, "sent **nothing**");
  await explains("day of a step", "rules/x.yaml", `${WHOLE}steps:\n  - email: win-back\n    d|ay: 3\n`, "calendar days after entry");
  await minds("a good rule", "rules/x.yaml", `${WHOLE}steps:\n  - email: win-back\n`, "");
  await minds("a misspelt key", "rules/x.yaml", `${WHOLE}prioritty: 3\nsteps:\n  - email: win-back\n`, "prioritty");
  await minds("a span that is none", "rules/x.yaml", `${HEAD}trigger: {schedule: "0 10 * * *"}\nwhen: everyone\nagain_after: a month\nsteps:\n  - email: win-back\n`, "such as 180d");
  await minds("a schedule of four fields", "rules/x.yaml", `${HEAD}trigger: {schedule: "0 10 * *"}\nwhen: everyone\nagain_after: 30d\nsteps:\n  - email: win-back\n`, "five fields");
  await minds("a trigger of two kinds", "rules/x.yaml", `${HEAD}trigger: {schedule: "0 10 * * *", event: Signed Up}\nwhen: everyone\nsteps:\n  - email: welcome\n`, "Matches multiple schemas");
  await offers("settings", "retaind.yaml", "# yaml-language-server: $schema=schema/settings.json\n|", ["business", "email", "quiet_hours"]);
  await offers("types of attributes", "schema.yaml", "# yaml-language-server: $schema=schema/schema.json\ncustomer:\n  plan: |", ["string", "date"]);
  await offers(
    "what a story can say", "rules/x.test.yaml",
    "# yaml-language-server: $schema=../schema/test.json\nrule: win-back\ntests:\n  - name: x\n    story:\n      - |",
    ["day", "does", "gets"],
  );
  await offers(
    "steps that can be got", "rules/x.test.yaml",
    "# yaml-language-server: $schema=../schema/test.json\nrule: win-back\ntests:\n  - name: x\n    story:\n      - day: 1\n        gets: |",
    ["win-back", "nothing"],
  );
  for (const file of fs.readdirSync(path.join(project, "rules"))) {
    await minds(`rules/${file}`, `rules/${file}`, fs.readFileSync(path.join(project, "rules", file), "utf8"), "");
  }
  console.log(wrong ? `${wrong} wrong` : "the language server completes and explains");
  child.kill();
  process.exit(wrong ? 1 : 0);
}

main().catch((error) => {
  console.error(error);
  child.kill();
  process.exit(1);
});
