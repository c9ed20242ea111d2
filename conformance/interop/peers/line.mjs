// What the peers in JavaScript share: commands are read from standard input, answers and events written to standard
// output. The commands are listed in `conformance/interop/peer.py`, which is the other end.

import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";

// The packages are installed outside of the source tree.
export const require = createRequire(join(process.env.COUNTERSIGN_NODE_PACKAGES, "package.json"));

// The libraries write there too; what they write goes to the log.
const output = process.stdout.write.bind(process.stdout);
console.log = console.warn = console.info = console.error;

const TAG = "$";

export class Refused extends Error {
  // The router or another peer answered with an error.
  constructor(uri, args, kwargs) {
    super(uri);
    this.answer = { uri, args: args ?? [], kwargs: kwargs ?? {} };
  }
}

export function toLine(value) {
  if (typeof value === "bigint") {
    return { [TAG]: "integer", decimal: value.toString() };
  }
  if (value instanceof Uint8Array) {
    return { [TAG]: "bytes", hex: Buffer.from(value).toString("hex") };
  }
  if (Array.isArray(value)) {
    return value.map(toLine);
  }
  if (value instanceof Map) {
    return toLine(Object.fromEntries(value));
  }
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, toLine(each)]));
  }
  return value;
}

export function fromLine(value) {
  if (Array.isArray(value)) {
    return value.map(fromLine);
  }
  if (value !== null && typeof value === "object") {
    if (value[TAG] === "bytes") {
      return Buffer.from(value.hex, "hex");
    }
    if (value[TAG] === "integer") {
      return BigInt(value.decimal);
    }
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, fromLine(each)]));
  }
  return value;
}

export function send(message) {
  output(JSON.stringify(toLine(message)) + "\n");
}

export function event(kind, session, fields) {
  send({ event: kind, session, ...fields });
}

let latest = null;

// Some libraries throw where nobody can catch it, and then never answer.
function thrownAside(error) {
  console.error(error);
  if (latest !== null) {
    send({ id: latest, failed: String(error) });
    latest = null;
  }
}

async function obey(sessions, Session, { id, do: what, session, ...command }) {
  if (!sessions.has(session)) {
    sessions.set(session, new Session(session));
  }
  latest = id;
  let answer;
  try {
    answer = { ok: (await sessions.get(session)[what](command)) ?? null };
  } catch (error) {
    answer = error instanceof Refused ? { refused: error.answer } : { failed: String(error?.stack ?? error) };
  }
  latest = latest === id ? null : latest;
  send({ id, ...answer });
}

export function serve(Session) {
  const sessions = new Map();
  process.on("uncaughtException", thrownAside);
  process.on("unhandledRejection", thrownAside);
  const lines = createInterface({ input: process.stdin, crlfDelay: Infinity });
  lines.on("line", (text) => obey(sessions, Session, fromLine(JSON.parse(text))));
  lines.on("close", () => process.exit(0));
}

// A promise and how to settle it.
export function deferred() {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
}
