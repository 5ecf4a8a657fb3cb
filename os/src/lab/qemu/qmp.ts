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
 * Connects to a Unix socket. Its path goes through the folder's descriptor, which keeps it below the kernel's limit of
 * 107 bytes, however deep the folder lies.
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

/** Sends one QMP command to the machine in `dir` and returns its result. */
export async function qmp(
  dir: string,
  name: string,
  command: string,
  args?: Readonly<Record<string, unknown>>,
  deadlineMs = DEADLINE_MS,
): Promise<unknown> {
  const failed = (cause: unknown): KiosError =>
    new KiosError('KIOS_QEMU', `run ${command} in QEMU`, { cause, exitCode: EXIT.system });
  let socket: Socket;
  try {
    socket = await connectIn(dir, name);
  } catch (cause) {
    throw failed(cause);
  }
  socket.setTimeout(deadlineMs, () => socket.destroy(new Error('no reply')));
  try {
    socket.write('{"execute":"qmp_capabilities"}\n');
    socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    let results = 0;
    for await (const line of createInterface({ input: socket })) {
      const reply = v.parse(Reply, line);
      if (reply.error !== undefined) throw new Error(reply.error.desc);
      if ('return' in reply) results += 1;
      if (results === 2) return reply.return;
    }
    // `quit` may close the connection before it replies.
    if (command === 'quit') return {};
    throw new Error('connection closed');
  } catch (cause) {
    throw failed(cause);
  } finally {
    socket.destroy();
  }
}
