import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { hangMachine } from '../../support/watchdog/debugger.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kios-debugger-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Sixteen registers, the pointer ffffffff81234567, flags 0x246 and what follows. */
const REGISTERS = `${'00'.repeat(128)}67452381ffffffff46020000${'11'.repeat(8)}`;
const WITHOUT_INTERRUPTS = REGISTERS.replace('46020000', '46000000');

/** Answers as QEMU's debugger does for two processors, and cuts its replies into pieces. */
async function serve(replies: Readonly<Record<string, string>>) {
  const asked: string[] = [];
  const server = createServer((socket) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      for (let found; (found = /^\+*\$([^#]*)#(..)/.exec(text)) !== null;) {
        const [whole, request = '', sum = ''] = found;
        text = text.slice(whole.length);
        const bytes = Buffer.from(request, 'latin1').reduce((all, byte) => all + byte, 0);
        asked.push(bytes % 256 === Number.parseInt(sum, 16) ? request : `${request}: wrong sum`);
        const reply = `+$${replies[request] ?? 'OK'}#00`;
        socket.write(reply.slice(0, 3));
        setTimeout(() => socket.write(reply.slice(3)), 5);
      }
    });
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => {
    server.listen(path.join(folder, 'gdb.sock'), resolve);
  });
  return { asked, [Symbol.dispose]: () => void server.close() };
}

it('every processor loops where it is, without interrupts', async () => {
  using server = await serve({ '?': 'T05thread:01;', qfThreadInfo: 'm01,02', qsThreadInfo: 'l', g: REGISTERS }); // prettier-ignore
  expect(await hangMachine(folder, 'gdb.sock')).toBe(2);
  const each = ['g', 'Mffffffff81234567,2:ebfe', `G${WITHOUT_INTERRUPTS}`];
  expect(server.asked).toEqual(['?', 'qfThreadInfo', 'qsThreadInfo', 'Hg01', ...each, 'Hg02', ...each, 'D']); // prettier-ignore
});

it('a refusal is a failure', async () => {
  using server = await serve({ '?': 'T05thread:01;', qfThreadInfo: 'm01', qsThreadInfo: 'l', g: 'E14' }); // prettier-ignore
  await expect(hangMachine(folder, 'gdb.sock')).rejects.toThrow('refuses g: E14');
  expect(server.asked).not.toContain('D');
});
