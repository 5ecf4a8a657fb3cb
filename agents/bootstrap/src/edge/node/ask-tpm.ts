import { connect } from 'node:net';
import path from 'node:path';

import { Report, trimLog } from '@kios/attestation';
import { describe } from '@kios/errors';
import * as v from 'valibot';

import { BootstrapError } from '../../core/faults/errors.ts';
import type { Settings } from '../../core/settings/settings.ts';

/** Init waits 30 s for those before, and a slow TPM may need as long for each of its replies. */
const ANSWER_MS = 120_000;
/** Init's log has 1 MiB at most, in base64. */
const MAX_LINE = 2 * 1024 * 1024;

/** What init says (docs/host-api.md section 12). */
const Answer = v.variant('quoted', [
  v.object({ ...Report.entries, quoted: v.literal(true) }),
  v.object({ v: v.literal(1), quoted: v.literal(false), code: v.string(), cause: v.string() }),
]);

const failed = (why: string): BootstrapError =>
  new BootstrapError('KIOS_BOOTSTRAP_ATTEST', `prove what this machine has started: ${why}`);

/** Sends bytes to init's socket, half-closes, and returns its line. */
async function exchange(file: string, bytes: Uint8Array, signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const until = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
  const late = (): void => reject(failed(`init says nothing in ${ANSWER_MS / 1000} s`));
  until.addEventListener('abort', late);
  let text = '';
  const socket = connect({ path: file, allowHalfOpen: true });
  socket.setEncoding('utf8');
  socket.on('error', (error) => reject(failed(describe(error))));
  socket.on('data', (chunk: string) => {
    text += chunk;
    if (text.length > MAX_LINE) reject(failed('init says too much'));
  });
  socket.on('end', () => resolve(text));
  socket.end(bytes);
  try {
    return await promise;
  } finally {
    until.removeEventListener('abort', late);
    socket.destroy();
  }
}

function withTrimmedLog(report: Report): Report {
  try {
    return { ...report, log: trimLog(report.log) };
  } catch (cause) {
    throw failed(`the log of the firmware is unreadable: ${describe(cause)}`);
  }
}

/** Has the TPM say what this machine has started, bound to these bytes. */
export async function askTpm(
  { run }: Settings,
  bound: Uint8Array,
  signal: AbortSignal,
): Promise<Report> {
  const line = await exchange(path.join(run, 'control/attest.sock'), bound, signal);
  signal.throwIfAborted();
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Answer), line);
  if (!parsed.success) throw failed('init says what cannot be read');
  if (parsed.output.quoted) return withTrimmedLog(parsed.output);
  const { cause, code } = parsed.output;
  throw failed(`init cannot ${cause} (${code})`);
}
