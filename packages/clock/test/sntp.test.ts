import { createSocket, type Socket } from 'node:dgram';

import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';

import { agree, agreedOffset } from '../src/sntp/agreed-offset.ts';
import { decodeReply, encodeRequest } from '../src/sntp/packet.ts';

const FLOOR = Date.parse('2026-11-01T00:00:00Z');
const NONCE = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const EPOCH = 2_208_988_800;

function writeTime(packet: Buffer, at: number, ms: number): void {
  const seconds = ms / 1000 + EPOCH;
  packet.writeUInt32BE(Math.floor(seconds) % 2 ** 32, at);
  packet.writeUInt32BE(Math.floor((seconds % 1) * 2 ** 32), at + 4);
}

interface Served {
  readonly first?: number;
  readonly stratum?: number;
  readonly ms?: number;
  readonly nonce?: Uint8Array;
}

/** A reply: no leap second, version 4, mode server; a second between its two times. */
function reply({ first = 0x24, stratum = 2, ms = FLOOR, nonce = NONCE }: Served = {}): Buffer {
  const packet = Buffer.alloc(48);
  packet.set([first, stratum]);
  packet.set(nonce, 24);
  writeTime(packet, 32, ms);
  writeTime(packet, 40, ms + 1000);
  return packet;
}
const tagOf = (packet: Uint8Array): string | undefined => decodeReply(packet, NONCE, FLOOR)?.tag;

describe('a packet of SNTP', () => {
  it('asks as a client of version 4 with a random number, and tells nothing else', () => {
    const hex = Buffer.from(encodeRequest(NONCE)).toString('hex');
    expect(hex).toBe(`23${'00'.repeat(39)}0102030405060708`);
  });

  it('has the times at which the server received and sent', () => {
    const decoded = decodeReply(reply({ ms: FLOOR + 250 }), NONCE, FLOOR);
    expect(decoded).toMatchObject({ tag: 'times' });
    const { received, sent } = decoded?.tag === 'times' ? decoded.times : { received: 0, sent: 0 };
    expect(received - FLOOR).toBeCloseTo(250, 3);
    expect(sent - received).toBeCloseTo(1000, 3);
  });

  it('of the next era, which begins in 2036, is not of 1900', () => {
    const ms = Date.parse('2040-05-06T07:08:09Z');
    const decoded = decodeReply(reply({ ms }), NONCE, FLOOR);
    expect(decoded).toMatchObject({ times: { received: ms } });
  });

  it.each([
    ['of another request', reply({ nonce: Uint8Array.of(8, 7, 6, 5, 4, 3, 2, 1) })],
    ['of a client', reply({ first: 0x23 })],
    ['that is cut short', reply().subarray(0, 47)],
    ['that is empty', Buffer.alloc(0)],
  ])('%s is no reply', (_, packet) => expect(tagOf(packet)).toBeUndefined());

  it.each([
    ['is not synchronised', reply({ first: 0xe4 })],
    ['has stratum 16', reply({ stratum: 16 })],
    ['has no time', reply({ ms: -EPOCH * 1000 })],
  ])('of a server that %s is unusable', (_, packet) => expect(tagOf(packet)).toBe('unusable'));

  it("with stratum 0 is a kiss-o'-death", () => {
    expect(tagOf(reply({ first: 0xe4, stratum: 0 }))).toBe('rejected');
  });

  it('of any bytes decodes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const packet = Buffer.concat([Buffer.from([0x24]), bytes]);
        packet.set(NONCE.subarray(0, Math.max(0, packet.length - 24)), Math.min(24, packet.length));
        expect([undefined, 'times', 'rejected', 'unusable']).toContain(tagOf(packet));
      }),
    );
  });
});

const sample = (offsetSeconds: number, server = 'a') => ({ server, offsetSeconds });

describe('samples', () => {
  it('agree when all three are within a second', () => {
    expect(agree([sample(5.9), sample(5, 'b'), sample(5.2)])).toEqual({
      offsetSeconds: 5.2,
      servers: ['a', 'b'],
    });
  });

  it.each([
    ['too few', [sample(5), sample(5)]],
    ['none', []],
    ['apart', [sample(5), sample(5), sample(6.1)]],
  ])('that are %s say nothing', (_, samples) => expect(agree(samples)).toBeUndefined());
});

describe('asking servers', () => {
  const open: Socket[] = [];
  afterEach(() => open.splice(0).forEach((socket) => socket.close()));

  /** Serves on one port of loopback addresses; `serve` returns how each reply differs, by the requests so far. */
  async function serve(address: string, port: number, reply_: (asked: number) => Served) {
    const socket = createSocket('udp4');
    open.push(socket);
    let asked = 0;
    socket.on('message', (request, { address: client, port: from }) => {
      const change = { ms: Date.now(), ...reply_(asked++) };
      const packet = reply({ ...change, nonce: request.subarray(40, 48) });
      // Both times are the same moment.
      packet.copy(packet, 40, 32, 40);
      socket.send(packet, from, client);
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.bind(port, address, resolve);
    await promise;
    return { port: socket.address().port, count: () => asked };
  }
  const { signal } = new AbortController();
  const ask = (port: number, ...servers: string[]) =>
    agreedOffset({ servers, floor: FLOOR, port, spacingMs: 1 }, signal);

  it('takes three samples of a single one', async () => {
    const { port, count } = await serve('127.0.0.1', 0, () => ({ ms: Date.now() + 90_000 }));
    const agreed = await ask(port, '127.0.0.1');
    expect(agreed?.servers).toEqual(['127.0.0.1']);
    expect(agreed?.offsetSeconds).toBeCloseTo(90, 0);
    expect(count()).toBe(3);
  });

  it('takes one sample of each of three', async () => {
    const { port, count } = await serve('127.0.0.1', 0, () => ({}));
    for (const address of ['127.0.0.2', '127.0.0.3']) await serve(address, port, () => ({}));
    const agreed = await ask(port, '127.0.0.1', '127.0.0.2', '127.0.0.3');
    expect(agreed?.servers).toHaveLength(3);
    expect(Math.abs(agreed?.offsetSeconds ?? 9)).toBeLessThan(1);
    expect(count()).toBe(1);
  });

  it('believes none when one of them lies', async () => {
    const { port } = await serve('127.0.0.1', 0, () => ({}));
    await serve('127.0.0.2', port, () => ({ ms: Date.now() + 3600_000 }));
    expect(await ask(port, '127.0.0.1', '127.0.0.2')).toBeUndefined();
  });

  it('leaves a server alone that rejects, and goes on with the others', async () => {
    const { port, count } = await serve('127.0.0.1', 0, () => ({ stratum: 0 }));
    const good = await serve('127.0.0.2', port, () => ({}));
    expect((await ask(port, '127.0.0.1', '127.0.0.2'))?.servers).toEqual(['127.0.0.2']);
    expect([count(), good.count()]).toEqual([1, 3]);
  });

  it('gets nothing where nobody listens or no route leads, or the signal comes first', async () => {
    const { port } = await serve('127.0.0.1', 0, () => ({}));
    expect(await ask(port, '127.0.0.9')).toBeUndefined();
    // The kernel connects no socket to a broadcast address, as to one without a route.
    expect(await ask(port, '255.255.255.255')).toBeUndefined();
    const stop = AbortSignal.abort(new Error('enough'));
    const asking = agreedOffset({ servers: ['127.0.0.1'], floor: FLOOR, port }, stop);
    await expect(asking).rejects.toThrow('enough');
  });
});
