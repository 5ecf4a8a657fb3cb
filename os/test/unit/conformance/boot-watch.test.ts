import { KiosError } from '@kios/errors';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { bootTwice, noteOf, silenceOf, watching } from '../../../src/conformance/boot-watch.ts';
import type { Progress } from '../../../src/workstation/progress.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const speaker = (startedAt: number, ...seen: number[]) => ({
  console: { events: seen.map((seenAt) => ({ seenAt })) },
  running: { startedAt },
});

it('counts a silence from power-on, and from the last event when there is one', () => {
  expect(silenceOf(speaker(1000), 61_000)).toBe(60_000);
  expect(silenceOf(speaker(1000, 20_000, 50_000), 61_000)).toBe(11_000);
});

it('says nothing of the silence that is part of a boot', () => {
  expect(noteOf('lease', 20_000)).toBe('lease');
  expect(noteOf('lease', 130_000)).toBe('lease, silent for 2 min 10 s');
});

it('shows the last step, and goes on to say that the node is silent while nothing happens', async () => {
  const seen: string[] = [];
  const progress: Progress = {
    info: () => {},
    task: async (title, work) => work((detail) => seen.push(`${title}: ${detail}`)),
  };
  const node = speaker(Date.now());
  const { promise, resolve } = Promise.withResolvers<string>();
  const task = watching(progress, 'boot the second node', node).task('boot the node', (note) => {
    note('firmware');
    return promise;
  });
  await vi.advanceTimersByTimeAsync(40_000);
  expect(seen[0]).toBe('boot the second node: firmware');
  expect(seen.at(-1)).toBe('boot the second node: firmware, silent for 40.0 s');
  resolve('done');
  await expect(task).resolves.toBe('done');
  const { length } = seen;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(seen).toHaveLength(length);
});

const late = new KiosError(
  'KIOS_NODE_TIMEOUT',
  'see the kernel within 300 s; its last line: BdsDxe',
);

/** Nodes that count how often they were stopped. */
function bootable(...seen: number[]) {
  const base = speaker(0, ...seen);
  const console = { ...base.console, [Symbol.dispose]: () => {} };
  const node = { ...base, console, stops: 0, machine: { dir: '/nowhere', stop: async () => {} } };
  node.machine.stop = async () => {
    node.stops += 1;
  };
  return node;
}

/** Boots nodes of which each fails as told. */
async function boot(failures: readonly (Error | undefined)[], ...seen: number[]) {
  const started: ReturnType<typeof bootable>[] = [];
  const lines: string[] = [];
  const end = bootTwice(
    async () => {
      const node = bootable(...seen);
      started.push(node);
      return node;
    },
    async () => {
      const failure = failures[started.length - 1];
      if (failure !== undefined) throw failure;
    },
    (line) => lines.push(line),
  );
  const error = await end.catch((cause: unknown) => cause);
  return { error, stops: started.map(({ stops }) => stops), lines };
}

it('starts a node that never said anything once more, and says what was seen of it', async () => {
  const { error, stops, lines } = await boot([late, undefined]);
  expect(error).toBeUndefined();
  expect(stops).toEqual([1, 0]);
  expect(lines.join()).toMatch(/last line: BdsDxe; processors: /);
});

it('gives up when it stays silent a second time', async () => {
  const { error, stops } = await boot([late, late]);
  expect(error).toBe(late);
  expect(stops).toEqual([1, 0]);
});

it('does not start a node again that was heard, or that ended', async () => {
  const ended = new KiosError('KIOS_NODE_FATAL', 'boot the node: QEMU ended');
  expect(await boot([late], 5)).toMatchObject({ error: late, stops: [0] });
  expect(await boot([ended])).toMatchObject({ error: ended, stops: [0] });
});
