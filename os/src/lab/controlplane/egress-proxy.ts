import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { describe } from '@kios/errors';

import { type Forwards, OTHERS } from './forwards.ts';

const CONNECT_MS = 10_000;
/** An address of a pod or a Service, and a port. */
const TARGET = /^(?:\d+\.\d+\.\d+\.\d+|\[[0-9a-f:]+\]):\d+$/;

function refuse(client: Duplex, status: string, reason: string): void {
  client.end(
    `HTTP/1.1 ${status}\r\ncontent-length: ${reason.length}\r\nconnection: close\r\n\r\n${reason}`,
  );
}

const connected = (client: Duplex): unknown =>
  client.write('HTTP/1.1 200 Connection established\r\n\r\n');

function join(client: Duplex, node: Socket, head: Buffer): void {
  const part = (): void => {
    client.destroy();
    node.destroy();
  };
  client.on('error', part).on('close', part);
  node.on('error', part).on('close', part);
  node.setTimeout(0);
  if (head.length > 0) node.write(head);
  client.pipe(node).pipe(client);
}

/** Connects the client to a loopback port; `greet` says first what the two sides are to hear. */
function forward(
  target: string,
  client: Duplex,
  head: Buffer,
  greet: (node: Socket) => unknown,
): void {
  const node = connect(Number(target.split(':')[1]), '127.0.0.1');
  const fail = (error: Error): void => {
    node.destroy();
    refuse(client, '502 Bad Gateway', `connect ${target}: ${error.message}`);
  };
  node.setTimeout(CONNECT_MS, () => fail(new Error('timed out')));
  node.once('error', fail);
  node.once('connect', () => {
    node.off('error', fail);
    node.removeAllListeners('timeout');
    greet(node);
    join(client, node, head);
  });
}

/**
 * Makes an HTTP CONNECT proxy (RFC 9110 §9.3.6) through which the API server reaches kubelets. It connects only to
 * targets in `forwards`, which it reads for each connection, so that nodes can come and go. Where the table has a proxy
 * for `OTHERS`, that one connects to them and replies.
 */
export function createEgressProxy(
  forwards: () => Promise<Forwards>,
  log: (line: string) => void,
): Server {
  const handle = async (request: IncomingMessage, client: Duplex, head: Buffer): Promise<void> => {
    const wanted = request.url ?? '';
    const table = await forwards();
    // A name such as __proto__ is in every object, but is not a node.
    const target = Object.hasOwn(table, wanted) ? table[wanted] : undefined;
    const next = table[OTHERS];
    log(`${wanted} -> ${target ?? next ?? 'refused'}`);
    if (target !== undefined) forward(target, client, head, () => connected(client));
    else if (next === undefined || !TARGET.test(wanted))
      refuse(client, '403 Forbidden', `no node at ${wanted}`);
    else
      forward(next, client, head, (node) =>
        node.write(`CONNECT ${wanted} HTTP/1.1\r\nhost: ${wanted}\r\n\r\n`),
      );
  };
  const server = createServer((_request, response) => {
    response.writeHead(405, { allow: 'CONNECT' }).end();
  });
  server.on('connect', (request: IncomingMessage, client: Duplex, head: Buffer) => {
    client.on('error', () => client.destroy());
    handle(request, client, head).catch((error: unknown) => {
      log(`${request.url ?? ''}: ${describe(error)}`);
      refuse(client, '500 Internal Server Error', 'the table of nodes cannot be read');
    });
  });
  return server;
}
