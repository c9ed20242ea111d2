// The peer of wampy.js.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

import { deferred, event, Refused, require, serve } from "./line.mjs";

const { Wampy, Errors } = require("wampy");
const { JsonSerializer } = require("wampy/JsonSerializer.js");
const { MsgpackSerializer } = require("wampy/MsgpackSerializer.js");
const { CborSerializer } = require("wampy/CborSerializer.js");
const { sign: answerByKey } = require("wampy/cryptosign.js");
// What it gives to `require` can be imported alone.
const { sign: answerBySecret } = await import(pathToFileURL(require.resolve("wampy/wampcra.js")));
const { w3cwebsocket } = require("websocket");

const SERIALIZERS = { json: JsonSerializer, msgpack: MsgpackSerializer, cbor: CborSerializer };

// What its users write for a method of login.
function proofOf({ method, authid, secret, code, public_key: pubkey, certificate, key, headers }) {
  if (method === "anonymous") {
    return {};
  }
  const login = { authid, authmethods: [method] };
  if (method === "wampcra") {
    return { ...login, onChallenge: answerBySecret(secret) };
  }
  if (method === "cryptosign") {
    return { ...login, authextra: { pubkey }, onChallenge: answerByKey(secret) };
  }
  if (method === "tls") {
    // Without the function it would not say who it is.
    const wsRequestOptions = { cert: readFileSync(certificate), key: readFileSync(key) };
    return { ...login, wsRequestOptions, onChallenge: () => "" };
  }
  if (method === "cookie") {
    // Without the function it would not say who it is.
    return { ...login, additionalHeaders: headers, onChallenge: () => "" };
  }
  return { ...login, onChallenge: (asked) => (asked === "totp" ? code : secret) };
}

function refused(error) {
  if (error instanceof Errors.WampError) {
    throw new Refused(error.errorUri, error.argsList, error.argsDict);
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

  async connect({ url, serializer, realm, auth }) {
    this.client = new Wampy(url, {
      ws: w3cwebsocket,
      realm,
      serializer: new SERIALIZERS[serializer](),
      autoReconnect: false,
      uriValidation: "loose",
      ...proofOf(auth),
      onClose: () => this.joined && event("left", this.number, { reason: null, message: null }),
      onError: (error) => console.error(error),
    });
    try {
      const { authid, authrole, authmethod } = await this.client.connect();
      this.joined = true;
      return { session: this.client.getSessionId(), authid, authrole, authmethod };
    } catch (error) {
      if (error instanceof Errors.AbortError) {
        throw new Refused(error.errorUri, [error.details?.message]);
      }
      throw error;
    }
  }

  async call({ call, procedure, args, kwargs, options: { progress, parts, ...options } }) {
    if (progress) {
      options.progress_callback = ({ argsList, argsDict }) =>
        event("progress", this.number, { call, args: argsList ?? [], kwargs: argsDict ?? {} });
    }
    const payload = { argsList: args, argsDict: kwargs };
    let answer;
    if (parts) {
      const { result, sendData } = this.client.progressiveCall(procedure, payload, options);
      this.calls.set(call, { sendData });
      answer = result;
    } else {
      answer = this.client.call(procedure, payload, options);
      this.calls.set(call, { request: this.client.getOpStatus().reqId });
    }
    const { argsList, argsDict } = await answer.catch(refused);
    return { args: argsList ?? [], kwargs: argsDict ?? {} };
  }

  more({ call, args, last }) {
    this.calls.get(call).sendData({ argsList: args }, { progress: !last });
  }

  cancel({ call, mode }) {
    this.client.cancel(this.calls.get(call).request, mode ? { mode } : undefined);
  }

  async register({ registration, procedure, options }) {
    const handler = ({ details, argsList, argsDict, result_handler: answer }) => {
      const invocation = ++this.invocationCount;
      const final = deferred();
      this.invocations.set(invocation, { final, answer });
      const shown = { procedure, ...details, progress: Boolean(details.receive_progress) };
      const fields = { registration, invocation, args: argsList ?? [], kwargs: argsDict ?? {}, details: shown };
      event("invocation", this.number, fields);
      return final.promise;
    };
    const { registrationId } = await this.client.register(procedure, handler, options).catch(refused);
    this.registrations.set(registration, procedure);
    return registrationId;
  }

  async unregister({ registration }) {
    await this.client.unregister(this.registrations.get(registration)).catch(refused);
  }

  progress({ invocation, args, kwargs }) {
    this.invocations.get(invocation).answer({ argsList: args, argsDict: kwargs, options: { progress: true } });
  }

  yield({ invocation, args, kwargs }) {
    this.invocations.get(invocation).final.resolve({ argsList: args, argsDict: kwargs });
  }

  error({ invocation, uri, args, kwargs }) {
    this.invocations.get(invocation).final.reject({ error: uri, argsList: args, argsDict: kwargs });
  }

  throw({ invocation, text }) {
    this.invocations.get(invocation).final.reject(new Error(text));
  }

  async subscribe({ subscription, topic, options }) {
    const handler = ({ details, argsList, argsDict }) => {
      const fields = { subscription, args: argsList ?? [], kwargs: argsDict ?? {} };
      event("event", this.number, { ...fields, details: { topic, ...details } });
    };
    // Without options it has to be given none at all: it finds a subscription again by topic and options.
    const given = Object.keys(options).length > 0 ? options : undefined;
    const { subscriptionId, subscriptionKey } = await this.client.subscribe(topic, handler, given).catch(refused);
    this.subscriptions.set(subscription, subscriptionKey);
    return subscriptionId;
  }

  async unsubscribe({ subscription }) {
    await this.client.unsubscribe(this.subscriptions.get(subscription)).catch(refused);
  }

  async publish({ topic, args, kwargs, options: { acknowledge, ...options } }) {
    const payload = { argsList: args, argsDict: kwargs };
    return (await this.client.publish(topic, payload, options).catch(refused)).publicationId;
  }

  async leave() {
    await this.client.disconnect();
  }

  abort() {
    this.client.abort();
  }
}

serve(Session);
