import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { ControlError, sendCommand } from '../src/index.ts';

let dir = '';
let server: Server | undefined;
const open = new Set<Socket>();

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-send-'));
});

afterEach(async () => {
  for (const socket of open) socket.destroy();
  server?.close();
  server = undefined;
  await rm(dir, { recursive: true, force: true });
});

/** Stands in for init; with `allowHalfOpen` it decides when to close. */
async function listen(file: string, onConnection: (socket: Socket) => void): Promise<void> {
  server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    onConnection(socket);
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(file, resolve);
  await promise;
}

function collect(into: string[]): (socket: Socket) => void {
  return (socket) => {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(Buffer.from(chunk)));
    socket.on('end', () => {
      into.push(Buffer.concat(chunks).toString('hex'));
      socket.end();
    });
  };
}

it('sends one byte over one connection and half-closes', async () => {
  const seen: string[] = [];
  const file = path.join(dir, 's');
  await listen(file, collect(seen));
  await sendCommand(file, 'restart-kubelet');
  expect(seen).toEqual(['03']);
});

it('stops waiting for a server that never closes', async () => {
  const file = path.join(dir, 's');
  await listen(file, (socket) => socket.resume());
  const sent = sendCommand(file, 'restart-kubelet', { closeMs: 50 });
  await expect(sent).resolves.toBeUndefined();
});

it('finds a socket that appears while it retries', async () => {
  const seen: string[] = [];
  const file = path.join(dir, 's');
  const sent = sendCommand(file, 'reboot', { retryMs: 20, attempts: 100 });
  await listen(file, collect(seen));
  await sent;
  expect(seen).toEqual(['06']);
});

it('gives up with a coded error when nobody ever listens', async () => {
  const sent = sendCommand(path.join(dir, 'none'), 'restart-kubelet', { retryMs: 1, attempts: 3 });
  await expect(sent).rejects.toThrow(ControlError);
  await expect(sent).rejects.toMatchObject({ code: 'KIOS_CONTROL', exitCode: 71 });
});

it('stops retrying when aborted', async () => {
  const stop = new AbortController();
  const sent = sendCommand(path.join(dir, 'none'), 'restart-kubelet', { signal: stop.signal });
  stop.abort();
  await expect(sent).rejects.toThrow(/abort/i);
});
