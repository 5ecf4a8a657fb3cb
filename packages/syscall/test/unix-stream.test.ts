import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { connectUnixStream } from '../src/index.ts';

let folder: string;
let file: string;
let server: Server;
let accepted: Socket[];

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'kios-stream-'));
  file = path.join(folder, 'socket');
  accepted = [];
  server = createServer({ allowHalfOpen: true }, (socket) => accepted.push(socket.pause()));
  server.listen(file);
  await once(server, 'listening');
});

afterEach(() => {
  for (const socket of accepted) socket.destroy();
  server.close();
  rmSync(folder, { recursive: true });
});

const peer = (): Promise<Socket> =>
  vi.waitFor(() => {
    const [socket] = accepted;
    if (socket === undefined) throw new Error('not accepted yet');
    return socket;
  });

describe('a unix stream', () => {
  it('carries bytes, says when it ends, and sees when the peer has closed', async () => {
    using stream = connectUnixStream(file);
    expect(stream.write(Buffer.from('one'))).toBe(3);
    stream.end();
    expect(stream.isOver()).toBe(false);
    const socket = await peer();
    let text = '';
    socket.on('data', (chunk) => (text += String(chunk))).resume();
    await once(socket, 'end');
    expect(text).toBe('one');
    expect(stream.isOver()).toBe(false);
    socket.end();
    await vi.waitFor(() => expect(stream.isOver()).toBe(true));
  });

  it('writes what fits, and nothing while the peer does not read', () => {
    using stream = connectUnixStream(file);
    const bytes = new Uint8Array(1 << 20);
    const first = stream.write(bytes);
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(bytes.length);
    while (stream.write(bytes) > 0);
    expect(stream.write(bytes)).toBe(0);
  });

  it('whose peer has gone is an error, and no signal', async () => {
    using stream = connectUnixStream(file);
    (await peer()).destroy();
    await vi.waitFor(() => expect(() => stream.write(new Uint8Array(1))).toThrow('EPIPE'));
  });

  it.each(['none', 'x'.repeat(200)])('to %s, where nobody listens, is an error', (name) => {
    expect(() => connectUnixStream(path.join(folder, name))).toThrow(/ENOENT|ENAMETOOLONG/);
  });
});
