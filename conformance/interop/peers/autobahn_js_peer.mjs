// The peer of autobahn-js.

import { readFileSync } from "node:fs";

import { deferred, event, Refused, require, serve } from "./line.mjs";

const autobahn = require("autobahn");

const SERIALIZERS = {
  json: autobahn.serializer.JSONSerializer,
  msgpack: autobahn.serializer.MsgpackSerializer,
  cbor: autobahn.serializer.CBORSerializer,
};

function transportOf(kind, url, serializer, { certificate, key, headers }) {
  const address = new URL(url);
  if (kind === "tcpip") {
    return { type: "rawsocket", host: address.hostname, port: Number(address.port) };
  }
  if (kind === "unix") {
    return { type: "rawsocket", path: address.pathname };
  }
  const transport = { type: "websocket", url, serializers: [new SERIALIZERS[serializer]()], headers };
  if (certificate) {
    // It leaves the certificate out where it isn't given an authority.
    const ca = readFileSync(process.env.SSL_CERT_FILE);
    transport.tlsConfiguration = { ca, cert: readFileSync(certificate), key: readFileSync(key) };
  }
  return transport;
}

// What its users write for a method of login: the answer to CHALLENGE, and what HELLO says beside.
function proofOf({ method, secret, code }) {
  if (method === "wampcra") {
    const { derive_key: derived, sign } = autobahn.auth_cra;
    const onchallenge = (session, _, { challenge, salt, iterations, keylen }) =>
      sign(derived(secret, salt, iterations, keylen), challenge);
    return { onchallenge };
  }
  if (method === "cryptosign") {
    const key = autobahn.nacl.sign.keyPair.fromSeed(Uint8Array.from(Buffer.from(secret, "hex")));
    const onchallenge = (session, _, extra) => autobahn.auth_cryptosign.sign_challenge(key, extra);
    return { onchallenge, authextra: { pubkey: autobahn.auth_cryptosign.public_key(key) } };
  }
  return { onchallenge: (session, asked) => (asked === "totp" ? code : secret) };
}

// It gives a single value as it is, and wraps everything else.
function unwrapped(result) {
  if (result instanceof autobahn.Result) {
    return { args: result.args, kwargs: result.kwargs };
  }
  return { args: result === null ? [] : [result], kwargs: {} };
}

function refused(error) {
  if (error instanceof autobahn.Error) {
    throw new Refused(error.error, error.args, error.kwargs);
  }
  throw error;
}

class Session {
  calls = new Map();
  registrations = new Map();
  subscriptions = new Map();
  invocations = new Map();
  invocationCount = 0;

  constructor(number) {
    this.number = number;
  }

  connect({ transport, url, serializer, realm, auth }) {
    const joined = deferred();
    this.ended = deferred();
    this.connection = new autobahn.Connection({
      transports: [transportOf(transport, url, serializer, auth)],
      realm,
      max_retries: 0,
      retry_if_unreachable: false,
      authid: auth.authid,
      authmethods: [auth.method],
      ...proofOf(auth),
      on_user_error: (error) => console.error(error),
      on_internal_error: (error) => console.error(error),
    });
    this.connection.onopen = (session, { authid, authrole, authmethod }) => {
      this.session = session;
      joined.resolve({ session: session.id, authid, authrole, authmethod });
    };
    this.connection.onclose = (how, { reason, message }) => {
      if (this.session) {
        event("left", this.number, { reason, message });
      }
      joined.reject(reason ? new Refused(reason, [message]) : new Error(how));
      this.ended.resolve();
      return true;
    };
    this.connection.open();
    return joined.promise;
  }

  call({ call, procedure, args, kwargs, options: { progress, ...options } }) {
    if (progress) {
      options.receive_progress = true;
    }
    const promise = this.session.call(procedure, args, kwargs, options);
    this.calls.set(call, promise);
    const onProgress = (result) => event("progress", this.number, { call, ...unwrapped(result) });
    return promise.then(unwrapped, refused, onProgress);
  }

  cancel({ call, mode }) {
    this.calls.get(call).cancel(mode ? { mode } : undefined);
  }

  async register({ registration, procedure, options }) {
    const endpoint = (args, kwargs, details) => {
      const invocation = ++this.invocationCount;
      const answer = deferred();
      this.invocations.set(invocation, { answer, details });
      const shown = { ...details, progress: details.progress !== null };
      event("invocation", this.number, { registration, invocation, args, kwargs, details: shown });
      return answer.promise;
    };
    const made = await this.session.register(procedure, endpoint, options).then((it) => it, refused);
    this.registrations.set(registration, made);
    made.on_unregister.then((reason) => event("revoked", this.number, { registration, reason }));
    return made.id;
  }

  async unregister({ registration }) {
    await this.session.unregister(this.registrations.get(registration)).then((it) => it, refused);
  }

  progress({ invocation, args, kwargs }) {
    this.invocations.get(invocation).details.progress(args, kwargs);
  }

  yield({ invocation, args, kwargs }) {
    this.invocations.get(invocation).answer.resolve(new autobahn.Result(args, kwargs));
  }

  error({ invocation, uri, args, kwargs }) {
    this.invocations.get(invocation).answer.reject(new autobahn.Error(uri, args, kwargs));
  }

  throw({ invocation, text }) {
    this.invocations.get(invocation).answer.reject(text);
  }

  async subscribe({ subscription, topic, options }) {
    const handler = (args, kwargs, details) =>
      event("event", this.number, { subscription, args, kwargs, details: { ...details } });
    const made = await this.session.subscribe(topic, handler, options).then((it) => it, refused);
    this.subscriptions.set(subscription, made);
    return made.id;
  }

  async unsubscribe({ subscription }) {
    await this.session.unsubscribe(this.subscriptions.get(subscription)).then((it) => it, refused);
  }

  async publish({ topic, args, kwargs, options }) {
    const published = this.session.publish(topic, args, kwargs, options);
    return published ? (await published.then((it) => it, refused)).id : null;
  }

  async leave() {
    this.connection.close();
    await this.ended.promise;
  }

  // It has no way to break off: closing the transport is the nearest.
  abort() {
    this.connection.transport.close();
  }
}

serve(Session);
