import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { parseCondition } from '../../src/core/devices/condition.ts';
import { EventQueue } from '../../src/edge/devices/event-queue.ts';
import { failLate, nearestFolder, waitForAll } from '../../src/edge/devices/waiting.ts';
import { FakeUevents } from '../support/fake-uevents.ts';

let folder: string;
let stop: AbortController;
let uevents: FakeUevents;
let queue: EventQueue;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kios-wait-'));
  stop = new AbortController();
  uevents = new FakeUevents();
  queue = new EventQueue(uevents, stop.signal);
});
afterEach(async () => {
  stop.abort();
  await rm(folder, { recursive: true });
});

const wait = async (
  texts: readonly string[],
  late: (missing: readonly string[]) => void = failLate(60_000),
  timeoutMs = 60_000,
) =>
  waitForAll(
    texts.map((text) => parseCondition(text, `${folder}/sys`)),
    { queue, late, timeoutMs, signal: stop.signal },
  );

describe('a condition', () => {
  it.each([
    ['net:eth0', '/sys/class/net/eth0'],
    ['net:enp0s31f6', '/sys/class/net/enp0s31f6'],
    ['path:/dev/disk/by-uuid/x', '/dev/disk/by-uuid/x'],
    ['path:/sys/class/nvme', '/sys/class/nvme'],
  ])('%s is the path %s', (text, file) =>
    expect(parseCondition(text)).toEqual({ text, path: file }),
  );

  it.each(['', 'eth0', 'net:', 'net:a/b', 'net:..', 'net:x y', 'net:sixteen-letters-', 'path:', 'path:dev/sda', 'path:/a\0b', 'disk:/dev/sda'])(
    '%j is refused',
    (text) => {
      expect(() => parseCondition(text)).toThrow(
        expect.objectContaining({ code: 'KIOS_USAGE', exitCode: 64 }),
      );
    },
  ); // prettier-ignore
});

describe('a wait', () => {
  it('ends at once when all holds, or nothing is asked for', async () => {
    await mkdir(`${folder}/sys/class/net/eth0`, { recursive: true });
    await expect(wait(['net:eth0', `path:${folder}`])).resolves.toBeUndefined();
    await expect(wait([])).resolves.toBeUndefined();
  });

  it('ends with the last of several conditions', async () => {
    const both = wait([`path:${folder}/a`, `path:${folder}/b`]);
    let isOver = false;
    void both.then(() => (isOver = true));
    await writeFile(`${folder}/a`, '');
    await new Promise((resolve) => setImmediate(resolve));
    expect(isOver).toBe(false);
    await writeFile(`${folder}/b`, '');
    await both;
  });

  it('sees a path that appears folder by folder', async () => {
    const done = wait([`path:${folder}/dev/disk/x`]);
    await mkdir(`${folder}/dev`);
    await mkdir(`${folder}/dev/disk`);
    await writeFile(`${folder}/dev/disk/x`, '');
    await done;
    expect(nearestFolder(`${folder}/dev/disk/x`)).toBe(`${folder}/dev/disk`);
    expect(nearestFolder(`${folder}/no/where/x`)).toBe(folder);
  });

  it('fails after the timeout with what is missing', async () => {
    await writeFile(`${folder}/a`, '');
    const late = wait([`path:${folder}/a`, 'net:eth7'], failLate(20), 20);
    await expect(late).rejects.toMatchObject({
      code: 'KIOS_MODULE_WAIT',
      exitCode: 69,
      message: 'find net:eth7 within 0.02 s',
    });
  });

  it('goes on after the timeout when that only says so', async () => {
    const said = Promise.withResolvers<readonly string[]>();
    const done = wait([`path:${folder}/a`], said.resolve, 10);
    expect(await said.promise).toEqual([`path:${folder}/a`]);
    await writeFile(`${folder}/a`, '');
    await expect(done).resolves.toBeUndefined();
  });

  it('rejects when it is stopped', async () => {
    const never = wait([`path:${folder}/a`]);
    stop.abort(new Error('stopped'));
    await expect(never).rejects.toThrow('stopped');
  });
});
