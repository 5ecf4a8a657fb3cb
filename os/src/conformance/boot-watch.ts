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
