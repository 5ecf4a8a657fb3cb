import { connect as connectHttp, type ClientHttp2Session } from 'node:http2';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';

import * as v from 'valibot';

import { type ContainerFacts, RuntimeSpec } from '../container-facts.ts';
import { encodeField, Message } from '../protobuf.ts';

/** Fields of the messages of CRI's runtime.v1. */
const LIST = { containers: 1 } as const;
const CONTAINER = { id: 1 } as const;
const STATUS_REQUEST = { id: 1, verbose: 2 } as const;
const STATUS_RESPONSE = { status: 1, info: 2 } as const;
const STATUS = { metadata: 2, state: 3, exitCode: 7, labels: 12 } as const;
const ENTRY = { key: 1, value: 2 } as const;
const STATES = ['created', 'running', 'exited', 'unknown'] as const;

/** gRPC puts a byte for compression and the length before each message. */
const PREFIX = 5;

const Info = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ sandboxID: v.string(), runtimeSpec: RuntimeSpec }),
);

async function callRuntime(
  session: ClientHttp2Session,
  method: string,
  ...fields: readonly Uint8Array[]
): Promise<Message> {
  const request = Buffer.concat(fields);
  const prefix = Buffer.alloc(PREFIX);
  prefix.writeUInt32BE(request.length, 1);
  const stream = session.request({
    ':method': 'POST',
    ':path': `/runtime.v1.RuntimeService/${method}`,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.end(Buffer.concat([prefix, request]));
  const response = await buffer(stream);
  if (response.length < PREFIX) throw new Error(`call ${method}: containerd refused it`);
  return new Message(response.subarray(PREFIX));
}

const entriesOf = (messages: readonly Message[]): Record<string, string> =>
  Object.fromEntries(messages.map((entry) => [entry.text(ENTRY.key), entry.text(ENTRY.value)]));

async function factsOf(session: ClientHttp2Session, id: string): Promise<ContainerFacts> {
  const response = await callRuntime(
    session,
    'ContainerStatus',
    encodeField(STATUS_REQUEST.id, id),
    encodeField(STATUS_REQUEST.verbose, 1),
  );
  const status = response.message(STATUS_RESPONSE.status);
  const labels = entriesOf(status.messages(STATUS.labels));
  const { info } = entriesOf(response.messages(STATUS_RESPONSE.info));
  const { sandboxID, runtimeSpec } = v.parse(Info, info);
  return {
    namespace: labels['io.kubernetes.pod.namespace'] ?? '',
    pod: labels['io.kubernetes.pod.name'] ?? '',
    podUid: labels['io.kubernetes.pod.uid'] ?? '',
    sandbox: sandboxID,
    name: labels['io.kubernetes.container.name'] ?? '',
    id,
    state: STATES[status.number(STATUS.state)] ?? 'unknown',
    exitCode: status.number(STATUS.exitCode),
    spec: runtimeSpec,
  };
}

/** Returns the containers of the runtime that listens on a Unix socket. */
export async function containersAt(socket: string): Promise<ContainerFacts[]> {
  const session = connectHttp('http://localhost', { createConnection: () => connect(socket) });
  try {
    const list = await callRuntime(session, 'ListContainers');
    const containers: ContainerFacts[] = [];
    for (const container of list.messages(LIST.containers))
      containers.push(await factsOf(session, container.text(CONTAINER.id)));
    return containers;
  } finally {
    session.close();
  }
}
