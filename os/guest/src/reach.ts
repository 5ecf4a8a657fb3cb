import { createSocket } from 'node:dgram';
import { isIPv6, connect } from 'node:net';

const TIMEOUT_MS = 3000;
const REQUEST = 'GET / HTTP/1.0\r\n\r\n';

const hostOf = (url: URL): string => url.hostname.replaceAll(/[[\]]/g, '');

/** Returns the first line of the reply to a request, or the error's name. */
function firstLine(url: URL): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect(Number(url.port), hostOf(url), () => socket.write(REQUEST));
  socket.setTimeout(TIMEOUT_MS, () => {
    resolve('ETIMEDOUT');
    socket.destroy();
  });
  socket.once('data', (data) => {
    resolve(String(data).split('\r\n')[0] ?? '');
    socket.destroy();
  });
  socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  socket.once('close', () => resolve('closed'));
  return promise;
}

/** Sends a datagram, to which nobody needs to reply. */
function sendTo(url: URL): Promise<string> {
  const host = hostOf(url);
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  socket.send(REQUEST, Number(url.port), host, (error) => resolve(error?.message ?? 'sent'));
  return promise.finally(() => socket.close());
}

/** Yields what each address, such as `tcp://10.0.2.2:80`, replies. */
export async function* reach(
  addresses: readonly string[],
): AsyncGenerator<readonly [address: string, reply: string]> {
  for (const address of addresses) {
    const url = new URL(address);
    yield [address, await (url.protocol === 'udp:' ? sendTo(url) : firstLine(url))];
  }
}
