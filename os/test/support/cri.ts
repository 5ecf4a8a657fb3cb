import {
  type ClientHttp2Session,
  connect as connectHttp2,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { bytesOf } from './trees.ts';

/**
 * A client of the Container Runtime Interface (k8s.io/cri-api, runtime/v1/api.proto), which is gRPC over a Unix socket.
 * It asks containerd as kubelet does, so a test sees what kubelet sees.
 */

/** A message by field number: text or a message is one field, `true` a bool, a list a repeated field. */
type Value = string | number | boolean | Message | readonly (string | Message)[];
export interface Message {
  readonly [field: number]: Value;
}

const VARINT = 0;
const BYTES = 2;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}

function encodeField(field: number, value: string | number | boolean | Message): Buffer {
  if (typeof value === 'number' || typeof value === 'boolean')
    return Buffer.concat([varint(field * 8 + VARINT), varint(Number(value))]);
  const bytes = typeof value === 'string' ? Buffer.from(value) : encode(value);
  return Buffer.concat([varint(field * 8 + BYTES), varint(bytes.length), bytes]);
}

const isList = (value: Value): value is readonly (string | Message)[] => Array.isArray(value);

/** Encodes a message in Protocol Buffers' wire format. */
export const encode = (message: Message): Buffer =>
  Buffer.concat(
    Object.entries(message).flatMap(([field, value]: [string, Value]) =>
      (isList(value) ? value : [value]).map((one) => encodeField(Number(field), one)),
    ),
  );

/** The fields of a message: each occurrence, as number or as bytes. */
export class Fields {
  readonly #fields = new Map<number, (number | Buffer)[]>();

  constructor(bytes: Buffer) {
    let at = 0;
    const number = (): number => {
      let value = 0;
      for (let scale = 1; ; scale *= 0x80) {
        const byte = bytes.readUInt8(at);
        at += 1;
        value += (byte & 0x7f) * scale;
        if (byte < 0x80) return value;
      }
    };
    while (at < bytes.length) {
      const tag = number();
      const value = number();
      const field = Math.floor(tag / 8);
      const isBytes = tag % 8 === BYTES;
      if (!isBytes && tag % 8 !== VARINT)
        throw new Error(`field ${field} has wire type ${tag % 8}`);
      const found = isBytes ? bytes.subarray(at, at + value) : value;
      if (isBytes) at += value;
      this.#fields.set(field, [...(this.#fields.get(field) ?? []), found]);
    }
  }

  #bytes = (field: number): Buffer[] =>
    (this.#fields.get(field) ?? []).filter((value) => typeof value !== 'number');

  texts = (field: number): string[] => this.#bytes(field).map((bytes) => bytes.toString());
  text = (field: number): string => this.texts(field)[0] ?? '';
  messages = (field: number): Fields[] => this.#bytes(field).map((bytes) => new Fields(bytes));
  message = (field: number): Fields | undefined => this.messages(field)[0];
  flag = (field: number): boolean => this.#fields.get(field)?.[0] === 1;
}

/** An image as the CRI reports it. */
export interface CriImage {
  readonly id: string;
  readonly tags: readonly string[];
  readonly digests: readonly string[];
  readonly pinned: boolean;
}

const imageOf = (fields: Fields): CriImage => ({
  id: fields.text(1),
  tags: fields.texts(2),
  digests: fields.texts(3),
  pinned: fields.flag(8),
});

/** A container as the CRI reports it. */
export interface CriContainer {
  readonly id: string;
  /** Name of its pod. */
  readonly pod: string;
}

const FRAME_HEADER = 5;
const END_WITHIN_MS = 20_000;
/** Users that kubelet gives a pod of its own. */
const USERS_OF_A_POD = 65_536;
/** NamespaceMode POD. */
const POD_NAMESPACE = 0;
/** NamespaceMode NODE. */
const NODE_NAMESPACE = 2;
/** CONTAINER_RUNNING. */
const RUNNING = 1;

export class Cri implements Disposable {
  readonly #session: ClientHttp2Session;

  constructor(socket: string) {
    this.#session = connectHttp2('http://localhost', { createConnection: () => connect(socket) });
  }

  [Symbol.dispose](): void {
    this.#session.close();
  }

  /** Calls a method such as `ImageService/ListImages`. Fails with the method's own error. */
  async call(method: string, request: Message): Promise<Fields> {
    const stream = this.#session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: `/runtime.v1.${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    let failure = '';
    const note = (headers: IncomingHttpHeaders): void => {
      const [code, message] = [headers['grpc-status'], headers['grpc-message']].map(String);
      if (code !== 'undefined' && code !== '0') failure = `${code} ${message}`;
    };
    stream.on('response', note).on('trailers', note);
    const message = encode(request);
    const head = Buffer.alloc(FRAME_HEADER);
    head.writeUInt32BE(message.length, 1);
    stream.end(Buffer.concat([head, message]));
    const reply = await bytesOf(stream);
    if (failure !== '') throw new Error(`${method}: ${decodeURIComponent(failure)}`);
    return new Fields(reply.subarray(FRAME_HEADER));
  }

  /** Returns the image that a reference or an id names, or nothing. */
  async image(reference: string): Promise<CriImage | undefined> {
    const response = await this.call('ImageService/ImageStatus', { 1: { 1: reference } });
    const found = response.message(1);
    return found === undefined ? undefined : imageOf(found);
  }

  async images(): Promise<CriImage[]> {
    return (await this.call('ImageService/ListImages', {})).messages(1).map(imageOf);
  }

  /** Pulls an image as for a pod; returns its id. */
  pull = async (reference: string): Promise<string> =>
    (await this.call('ImageService/PullImage', { 1: { 1: reference } })).text(1);

  /** Returns the running containers. */
  async running(): Promise<CriContainer[]> {
    const response = await this.call('RuntimeService/ListContainers', { 1: { 2: { 1: RUNNING } } });
    return response.messages(1).map((fields) => {
      const labels = fields.messages(8).map((label) => [label.text(1), label.text(2)] as const);
      const pod = new Map(labels).get('io.kubernetes.pod.name') ?? '';
      return { id: fields.text(1), pod };
    });
  }

  /**
   * Starts a pod of one container in the host's network, with users of its own from `hostUser` on where that is given;
   * returns the container's id.
   */
  async start(name: string, image: string, hostUser?: number): Promise<string> {
    const users = [{ 1: hostUser ?? 0, 2: 0, 3: USERS_OF_A_POD }];
    const own = hostUser === undefined ? {} : { 5: { 1: POD_NAMESPACE, 2: users, 3: users } };
    const namespaces = { 1: NODE_NAMESPACE, ...own };
    const config = {
      1: { 1: name, 2: `uid-${name}`, 3: 'kube-system' },
      7: [{ 1: 'io.kubernetes.pod.name', 2: name }],
      8: { 2: { 1: namespaces } },
    };
    const sandbox = (await this.call('RuntimeService/RunPodSandbox', { 1: config })).text(1);
    const container = { 1: { 1: 'run' }, 2: { 1: image }, 15: { 2: { 3: namespaces } } };
    const request = { 1: sandbox, 2: container, 3: config };
    const id = (await this.call('RuntimeService/CreateContainer', request)).text(1);
    await this.call('RuntimeService/StartContainer', { 1: id });
    return id;
  }

  /** Ends every pod. A container that is just being made ends a moment later. */
  async endPods(): Promise<void> {
    const end = Date.now() + END_WITHIN_MS;
    for (;;) {
      const { messages } = await this.call('RuntimeService/ListPodSandbox', {});
      const ids = messages(1).map((sandbox) => sandbox.text(1));
      if (ids.length === 0) return;
      const ended = await Promise.allSettled(ids.map((id) => this.#endPod(id)));
      const failed = ended.find((result) => result.status === 'rejected');
      if (failed === undefined) continue;
      if (Date.now() > end) throw failed.reason;
      await sleep(200);
    }
  }

  async #endPod(id: string): Promise<void> {
    await this.call('RuntimeService/StopPodSandbox', { 1: id });
    await this.call('RuntimeService/RemovePodSandbox', { 1: id });
  }
}
