import { once } from 'node:events';
import { connect, createServer, type NetConnectOpts, type Server } from 'node:net';

/** A TCP port of an address, or the path of a socket. */
export type Place = string | { readonly host: string; readonly port: number };

/** Reads `PATH` or `ADDRESS PORT`. */
export const placeOf = ([first = '', port]: readonly string[]): Place =>
  port === undefined ? first : { host: first, port: Number(port) };

const optionsOf = (place: Place): NetConnectOpts =>
  typeof place === 'string' ? { path: place } : { ...place };

/** Passes each connection to `from` on to `to`, both ways, until the server is closed. Listens when this returns. */
export async function relay(from: Place, to: Place): Promise<Server> {
  const server = createServer((near) => {
    const far = connect(optionsOf(to));
    const part = (): void => {
      near.destroy();
      far.destroy();
    };
    near.on('error', part).on('close', part);
    far.on('error', part).on('close', part);
    near.pipe(far).pipe(near);
  });
  server.listen(optionsOf(from));
  await once(server, 'listening');
  return server;
}
