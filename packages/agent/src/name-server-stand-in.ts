import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

const DNS = 53;
/** A message begins with the number by which its reply is known. RFC 1035 §4.1.1. */
const HEADER_BYTES = 12;

/** A socket of this host that stands for a name server until it is disposed. */
export interface StandIn extends Disposable {
  /** `127.0.0.1:port`. */
  readonly address: string;
}

/** Opens a socket that has heard or got what `start` begins. */
async function opened(socket: Socket, event: string, start: () => void): Promise<Socket> {
  const ready = once(socket, event);
  try {
    start();
    await ready;
  } catch (error) {
    socket.close();
    throw error;
  }
  return socket;
}

/** Passes queries on, and replies back to whoever asked with the same number. */
function join(near: Socket, far: Socket): void {
  const askers = new Map<number, number>();
  near.on('message', (query, { port }) => {
    if (query.length < HEADER_BYTES) return;
    askers.set(query.readUInt16BE(0), port);
    far.send(query);
  });
  far.on('message', (reply) => {
    const port = reply.length < HEADER_BYTES ? undefined : askers.get(reply.readUInt16BE(0));
    if (port !== undefined) near.send(reply, port, '127.0.0.1');
  });
  // As a name server that is silent: the resolver asks again or asks another one.
  near.on('error', () => undefined);
  far.on('error', () => undefined);
}

/**
 * Opens a stand-in for a name server with a zone, `fe80::1%eth0` (RFC 4007 §11), which the resolvers of Node and Bun
 * cannot be given: they drop the zone. Fails when there is no such link.
 */
export async function openStandIn(server: string, port = DNS): Promise<StandIn> {
  const far = createSocket('udp6');
  await opened(far, 'connect', () => far.connect(port, server));
  const near = createSocket('udp4');
  try {
    await opened(near, 'listening', () => near.bind(0, '127.0.0.1'));
  } catch (error) {
    far.close();
    throw error;
  }
  join(near, far);
  return {
    address: `127.0.0.1:${near.address().port}`,
    [Symbol.dispose]: () => {
      near.close();
      far.close();
    },
  };
}
