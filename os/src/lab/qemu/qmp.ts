import { open } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';

import { EXIT, KiosError } from '@kios/errors';
import * as v from 'valibot';

const Reply = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    return: v.optional(v.unknown()),
    error: v.optional(v.object({ desc: v.string() })),
  }),
);

const DEADLINE_MS = 5000;

/**
 * Connects to a socket whose path may be longer than the 107 bytes that the kernel takes: through the folder's descriptor its
 * path is short, however deep the folder lies.
 */
async function connectIn(dir: string, name: string): Promise<Socket> {
  await using folder = await open(dir);
  const socket = connect(path.join('/proc/self/fd', String(folder.fd), name));
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return socket;
}

/** Sends one QMP command to the machine in `dir` and answers what it returned. */
export async function qmp(
  dir: string,
  name: string,
  command: string,
  args?: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  const failed = (cause: unknown): KiosError =>
    new KiosError('KIOS_QEMU', `run ${command} in QEMU`, { cause, exitCode: EXIT.system });
  let socket: Socket;
  try {
    socket = await connectIn(dir, name);
  } catch (cause) {
    throw failed(cause);
  }
  socket.setTimeout(DEADLINE_MS, () => socket.destroy(new Error('no answer')));
  try {
    socket.write('{"execute":"qmp_capabilities"}\n');
    socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    let answers = 0;
    for await (const line of createInterface({ input: socket })) {
      const reply = v.parse(Reply, line);
      if (reply.error !== undefined) throw new Error(reply.error.desc);
      if ('return' in reply) answers += 1;
      if (answers === 2) return reply.return;
    }
    // `quit` may close the connection before its answer is written.
    if (command === 'quit') return {};
    throw new Error('connection closed');
  } catch (cause) {
    throw failed(cause);
  } finally {
    socket.destroy();
  }
}
