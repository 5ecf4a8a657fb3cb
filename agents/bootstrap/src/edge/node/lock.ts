import { createServer, type Server } from 'node:net';

import { type Logger, sleep } from '@kios/agent';
import { errorCode } from '@kios/errors';

/** An abstract socket: the kernel frees it however its owner ends. */
const LOCK = '\0kios.bootstrap';
const RETRY_MS = 500;

async function tryLock(server: Server): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  server.once('error', (error) =>
    errorCode(error) === 'EADDRINUSE' ? resolve(false) : reject(error),
  );
  server.listen({ path: LOCK }, () => resolve(true));
  return promise;
}

/** Waits until no other agent of this network namespace works, and keeps others out until disposed of. */
export async function holdLock(log: Logger, signal: AbortSignal): Promise<Disposable> {
  for (let tries = 0; ; tries++) {
    const server = createServer((socket) => socket.destroy());
    if (await tryLock(server)) {
      server.unref();
      return { [Symbol.dispose]: () => void server.close() };
    }
    if (tries === 0) log.info({ ev: 'lock.wait' });
    await sleep(RETRY_MS, signal);
  }
}
