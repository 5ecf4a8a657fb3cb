import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { qmp } from '../../../../src/lab/qemu/qmp.ts';

let dir: string;
let server: Server;

/** A machine's monitor that replies to each command with the next of `replies`, then hangs up. */
async function monitor(...replies: readonly object[]): Promise<void> {
  const rest = [...replies];
  server = createServer((socket) => {
    socket.write('{"QMP":{"version":{},"capabilities":[]}}\r\n');
    socket.on('data', (data) => {
      for (const _ of data.toString().trim().split('\n')) {
        const reply = rest.shift();
        if (reply === undefined) socket.end();
        else socket.write(`{"event":"RESUME"}\r\n${JSON.stringify(reply)}\r\n`);
      }
    });
  });
  const cwd = process.cwd();
  process.chdir(dir);
  await new Promise<void>((resolve) => server.listen('qmp.sock', resolve));
  process.chdir(cwd);
}

beforeEach(async () => {
  // Deeper than the 107 bytes that a socket's path can have.
  dir = path.join(await mkdtemp(path.join(tmpdir(), 'kios-qmp-')), 'x'.repeat(120));
  await mkdir(dir);
});

afterEach(async () => {
  server?.close();
  await rm(path.dirname(dir), { recursive: true });
});

it('returns the command’s result, however deep the folder lies', async () => {
  await monitor({ return: {} }, { return: { status: 'running' } });
  expect(await qmp(dir, 'qmp.sock', 'query-status')).toEqual({ status: 'running' });
});

it('reports why the machine refuses a command', async () => {
  await monitor({ return: {} }, { error: { class: 'GenericError', desc: 'no such command' } });
  await expect(qmp(dir, 'qmp.sock', 'x')).rejects.toMatchObject({
    code: 'KIOS_QEMU',
    cause: new Error('no such command'),
  });
});

it('takes a closed connection as the reply to quit, and to no other command', async () => {
  await monitor({ return: {} });
  expect(await qmp(dir, 'qmp.sock', 'quit')).toEqual({});
  server.close();
  await rm(path.join(dir, 'qmp.sock'), { force: true });
  await monitor({ return: {} });
  await expect(qmp(dir, 'qmp.sock', 'stop')).rejects.toMatchObject({ code: 'KIOS_QEMU' });
});

it('fails at once without a machine', async () => {
  await expect(qmp(dir, 'none.sock', 'quit')).rejects.toMatchObject({ code: 'KIOS_QEMU' });
});
