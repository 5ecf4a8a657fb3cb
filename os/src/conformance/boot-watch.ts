import { KiosError } from '@kios/errors';

import { MACHINE_FILES } from '../lab/qemu/arguments.ts';
import { qmp } from '../lab/qemu/qmp.ts';
import type { Progress } from '../workstation/progress.ts';
import { formatDuration } from '../workstation/terminal/duration.ts';

const LOOK_MS = 10_000;
/** Shorter silences are part of every boot. */
const WORTH_SAYING_MS = 30_000;

/** What is read of a node that boots. Times are milliseconds of the workstation's. */
export interface Speaker {
  readonly console: { readonly events: readonly { readonly seenAt: number }[] };
  readonly running: { readonly startedAt: number };
}

/** What is done to one that does not. */
export interface Bootable extends Speaker {
  readonly console: Speaker['console'] & Disposable;
  readonly machine: { readonly dir: string; stop(): Promise<void> };
}

/** Returns for how many milliseconds a node has said nothing. */
export const silenceOf = ({ console, running }: Speaker, now: number): number =>
  now - Math.max(running.startedAt, ...console.events.map(({ seenAt }) => seenAt));

/** Returns the note of a step of a boot. */
export const noteOf = (step: string, silentMs: number): string =>
  silentMs < WORTH_SAYING_MS ? step : `${step}, silent for ${formatDuration(silentMs)}`;

/** Returns a progress that shows its task by another title, and says in it when the node is silent. */
export const watching = (progress: Progress, title: string, node: Speaker): Progress => ({
  info: (line) => progress.info(line),
  task: async (_, work) =>
    progress.task(title, async (note) => {
      let step = '';
      const say = (): void => note(noteOf(step, silenceOf(node, Date.now())));
      const look = setInterval(say, LOOK_MS);
      try {
        return await work((detail) => {
          step = detail;
          say();
        });
      } finally {
        clearInterval(look);
      }
    }),
});

/** Returns what the guest's processors do, which a report of a hang needs besides the console's last line. */
async function processors({ machine }: Bootable): Promise<string> {
  const args = { 'command-line': 'info registers -a' };
  const text = await qmp(machine.dir, MACHINE_FILES.qmp, 'human-monitor-command', args).catch(
    (error: unknown) => `QEMU does not say: ${String(error)}`,
  );
  const found = [...String(text).matchAll(/RIP=\w+|HLT=\d/g)].map(([word]) => word);
  return found.length === 0 ? String(text).slice(0, 200) : found.join(' ');
}

/**
 * Boots a node by `start` and `follow`. One that reaches its deadline without an event is started once more, after a
 * line with what its processors do: it did not even start init, which is no matter of the tests.
 */
export async function bootTwice<T extends Bootable>(
  start: () => Promise<T>,
  follow: (node: T) => Promise<unknown>,
  info: (line: string) => void,
): Promise<void> {
  const node = await start();
  try {
    await follow(node);
  } catch (error) {
    const late = error instanceof KiosError && error.code === 'KIOS_NODE_TIMEOUT';
    if (!late || node.console.events.length > 0) throw error;
    info(`${error.message}; processors: ${await processors(node)}; it is started once more`);
    node.console[Symbol.dispose]();
    await node.machine.stop();
    await follow(await start());
  }
}
