import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { openStandIn } from '../src/name-server-stand-in.ts';

/** A message of this number, with a word behind its header. */
const message = (number: number, word: string): Buffer => {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(number);
  return Buffer.concat([header, Buffer.from(word)]);
};
const wordOf = (bytes: Buffer): string => bytes.subarray(12).toString();

let server: Socket;
let client: Socket;
beforeEach(async () => {
  server = createSocket('udp6');
  server.bind(0, '::1');
  client = createSocket('udp4');
  client.bind(0, '127.0.0.1');
  await Promise.all([once(server, 'listening'), once(client, 'listening')]);
});
afterEach(() => {
  server.close();
  client.close();
});

/** Sends from the client and returns the word of the next message that it gets. */
async function ask(address: string, bytes: Buffer): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  client.once('message', resolve);
  client.send(bytes, Number(address.split(':')[1]), '127.0.0.1');
  return wordOf(await promise);
}

it('passes a query to a server with a zone, and its reply back', async () => {
  server.on('message', (query, { port, address }) =>
    server.send(message(query.readUInt16BE(0), `${wordOf(query)} back`), port, address),
  );
  using standIn = await openStandIn('::1%lo', server.address().port);
  expect(await ask(standIn.address, message(7, 'there and'))).toBe('there and back');
});

it('drops replies to nobody and messages without a header', async () => {
  server.on('message', (query, { port, address }) => {
    server.send(message(99, 'to nobody'), port, address);
    server.send(Buffer.of(1), port, address);
    server.send(query, port, address);
  });
  using standIn = await openStandIn('::1%lo', server.address().port);
  client.send(Buffer.of(1), Number(standIn.address.split(':')[1]), '127.0.0.1');
  expect(await ask(standIn.address, message(8, 'echo'))).toBe('echo');
});

it('fails for a link that is not there', async () => {
  await expect(openStandIn('fe80::1%no-such-link')).rejects.toThrow(/no-such-link|EINVAL/);
});
