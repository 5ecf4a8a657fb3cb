import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Ports below those that the kernel gives to outgoing connections (32768 and up, ip(7)): such a connection could take a
 * port between the call and its use.
 */
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;
const TRIES = 100;

/** Checks that nothing listens on a TCP port of 127.0.0.1. */
function isPortFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once('error', () => resolve(false));
  server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  return promise;
}

/** Returns a TCP port of 127.0.0.1 on which nothing listens now, and that no outgoing connection takes. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const port = randomInt(FIRST_PORT, LAST_PORT);
    if (await isPortFree(port)) return port;
  }
  throw new Error(`${TRIES} ports from ${FIRST_PORT} to ${LAST_PORT} are in use`);
}
