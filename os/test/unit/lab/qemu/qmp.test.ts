import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { qmp } from '../../../../src/lab/qemu/qmp.ts';

let dir: string;
let server: Server;

/** A machine's monitor that answers each command with the next of `answers`, then hangs up. */
async function monitor(...answers: readonly object[]): Promise<void> {
  const rest = [...answers];
  server = createServer((socket) => {
    socket.write('{"QMP":{"version":{},"capabilities":[]}}\r\n');
    socket.on('data', (data) => {
      for (const _ of data.toString().trim().split('\n')) {
        const answer = rest.shift();
        if (answer === undefined) socket.end();
        else socket.write(`{"event":"RESUME"}\r\n${JSON.stringify(answer)}\r\n`);
      }
    });
  });
  const cwd = process.cwd();
  process.chdir(dir);
  await new Promise<void>((resolve) => server.listen('qmp.sock', resolve));
  process.chdir(cwd);
}

beforeEach(async () => {
  // Deeper than the 107 bytes that a socket's path may have.
  dir = path.join(await mkdtemp(path.join(tmpdir(), 'kios-qmp-')), 'x'.repeat(120));
  await mkdir(dir);
});

afterEach(async () => {
  server?.close();
  await rm(path.dirname(dir), { recursive: true });
});

it('answers what the command returned, from however deep a folder', async () => {
  await monitor({ return: {} }, { return: { status: 'running' } });
  expect(await qmp(dir, 'qmp.sock', 'query-status')).toEqual({ status: 'running' });
});

it('tells what the machine refuses', async () => {
  await monitor({ return: {} }, { error: { class: 'GenericError', desc: 'no such command' } });
  await expect(qmp(dir, 'qmp.sock', 'x')).rejects.toMatchObject({
    code: 'KIOS_QEMU',
    cause: new Error('no such command'),
  });
});

it('takes a closed connection for the answer to quit, and only to that', async () => {
  await monitor({ return: {} });
  expect(await qmp(dir, 'qmp.sock', 'quit')).toEqual({});
  server.close();
  await rm(path.join(dir, 'qmp.sock'), { force: true });
  await monitor({ return: {} });
  await expect(qmp(dir, 'qmp.sock', 'stop')).rejects.toMatchObject({ code: 'KIOS_QEMU' });
});

it('fails at once when no machine is there', async () => {
  await expect(qmp(dir, 'none.sock', 'quit')).rejects.toMatchObject({ code: 'KIOS_QEMU' });
});
