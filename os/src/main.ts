import { setImmediate } from 'node:timers/promises';

import { EXIT, KiosError } from '@kios/errors';

import { commandLine } from './cli/parser.ts';
import { fullFolders } from './workstation/space.ts';
import { explain, formatExplanation } from './workstation/terminal/explain.ts';
import { plain } from './workstation/terminal/plain.ts';
import { progressOn } from './workstation/terminal/progress.ts';

const INTERRUPTED = 130;

const stop = new AbortController();
const undo = new AsyncDisposableStack();
const interrupted = new Promise<'interrupted'>((resolve) => {
  stop.signal.addEventListener('abort', () => resolve('interrupted'), { once: true });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    // A second Ctrl-C must always end the program, even when the clean-up hangs.
    if (stop.signal.aborted) process.exit(INTERRUPTED);
    stop.abort();
  });
// The reader of a pipe (`kios logs | head`) may exit, a terminal may close and a disk may be full at any time. What the
// command started is undone then too.
let lost: NodeJS.ErrnoException | undefined;
process.stdout.on('error', (error) => {
  lost = error;
  stop.abort();
});
process.stderr.on('error', () => {});

async function report(error: unknown): Promise<void> {
  const explanation = explain(error);
  process.stderr.write(`${formatExplanation(explanation).join('\n')}\n`);
  if (explanation.code === 'KIOS_DISK_FULL')
    for (const folder of await fullFolders())
      process.stderr.write(`kios: The disk of ${folder} is full.\n`);
  if (process.env['KIOS_DEBUG'] !== undefined && error instanceof Error)
    process.stderr.write(`${error.stack ?? ''}\n`);
  process.exitCode = explanation.exitCode;
}

try {
  const parser = commandLine(process.argv.slice(2), {
    progress: progressOn(process.stderr),
    signal: stop.signal,
    undo,
    print: (line) => void process.stdout.write(`${plain(line)}\n`),
  });
  const parsed = Promise.resolve(parser.parseAsync());
  parsed.catch(() => {}); // After an interruption, later failures of the command do not matter.
  if ((await Promise.race([parsed, interrupted])) === 'interrupted' && lost === undefined) {
    process.stderr.write('kios: interrupted\n');
    process.exitCode = INTERRUPTED;
  }
} catch (error) {
  await report(error);
}
await undo.disposeAsync().catch(report);
await setImmediate(); // The failure of a write is told after the write.
if (lost !== undefined && lost.code !== 'EPIPE')
  await report(
    new KiosError('KIOS_OUTPUT', 'print the result', {
      cause: lost,
      exitCode: EXIT.system,
      remedy: 'Send the output elsewhere.',
    }),
  );
// Work left behind by an interruption must not keep the process alive.
process.exit();
