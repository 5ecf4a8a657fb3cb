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

function bootable(...seen: number[]) {
  const stop = vi.fn(async () => {});
  const base = speaker(0, ...seen);
  const console = { ...base.console, [Symbol.dispose]: vi.fn() };
  return { ...base, console, machine: { dir: '/nowhere', stop } };
}

it('starts a node that never said anything once more, and says what was seen of it', async () => {
  const nodes = [bootable(), bootable()];
  const lines: string[] = [];
  const start = vi.fn(async () => nodes[start.mock.calls.length - 1] ?? bootable());
  const follow = vi.fn(async (node: unknown) => {
    if (node === nodes[0]) throw late;
  });
  await bootTwice(start, follow, (line) => lines.push(line));
  expect(start).toHaveBeenCalledTimes(2);
  expect(nodes[0]?.machine.stop).toHaveBeenCalledOnce();
  expect(nodes[1]?.machine.stop).not.toHaveBeenCalled();
  expect(lines.join()).toMatch(/last line: BdsDxe; processors: /);
});

it.each([
  ['was heard', async () => bootable(5), late],
  ['ended', async () => bootable(), new KiosError('KIOS_NODE_FATAL', 'boot the node: QEMU ended')],
])('does not start a node again that %s', async (_, make, failure) => {
  const start = vi.fn(make);
  const follow = async (): Promise<void> => {
    throw failure;
  };
  await expect(bootTwice(start, follow, () => {})).rejects.toBe(failure);
  expect(start).toHaveBeenCalledOnce();
});

it('gives up when it stays silent a second time', async () => {
  const start = vi.fn(async () => bootable());
  const follow = async (): Promise<void> => {
    throw late;
  };
  await expect(bootTwice(start, follow, () => {})).rejects.toBe(late);
  expect(start).toHaveBeenCalledTimes(2);
});
