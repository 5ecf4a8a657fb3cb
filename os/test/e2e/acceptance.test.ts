import { cp, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import type { Subject } from '../../src/checks/acceptance/assertion.ts';
import {
  ATTACKED,
  NODE_ASSERTIONS,
  subjectOf,
  UNTRUSTED_ASSERTIONS,
  untrustedOf,
} from '../../src/checks/acceptance/run.ts';
import type { Untrusted } from '../../src/checks/acceptance/untrusted-node.ts';
import { bringUp, type UpNode } from '../../src/lab/bring-up.ts';
import { down } from '../../src/lab/down.ts';
import { labMachine } from '../../src/lab/node.ts';
import type { CommandContext } from '../../src/workstation/command-context.ts';
import { distRoot } from '../../src/workstation/paths.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';

/** A cold build compiles kubelet and the control plane. */
const BUILD_AND_BOOT_MS = 70 * 60_000;
const ASSERTION_MS = 15 * 60_000;

const stop = new AbortController();
const context: CommandContext = {
  progress: progressOn({ write: (text) => process.stdout.write(text) }),
  signal: stop.signal,
  undo: new AsyncDisposableStack(),
  print: () => {},
};

const kept = path.join(distRoot, 'failed-boot');

/**
 * Copies console and logs at a failure: the next boot overwrites them, and the machine's folder is removed at the end.
 * Shows a panic of the kernel, of which a check that waits for the API server knows nothing.
 */
async function keepLogs(what: string): Promise<void> {
  const folder = path.join(kept, what.replaceAll(/\W+/g, '-').slice(0, 80));
  const machine = labMachine();
  await mkdir(folder, { recursive: true });
  for (const file of [machine.file('console'), machine.file('hostLogs')])
    await cp(file, path.join(folder, path.basename(file))).catch(() => {});
  const failure = (untrusted?.node ?? up?.node)?.console.failure;
  if (failure !== undefined) process.stdout.write(`${failure.message}\n`);
  process.stdout.write(`console and logs of the failed boot: ${folder}\n`);
}

/**
 * All tests of this file share five boots: the first, the reboot, one of a fresh disk beside its twin, and two of a
 * fresh disk that gets a wrong seed first.
 */
let up: UpNode;
let subject: Subject;
let untrusted: Untrusted;

beforeAll(async () => {
  await down(silent, { purge: true });
  await rm(kept, { recursive: true, force: true });
  try {
    up = await bringUp(context, labMachine(), { memoryMiB: 2048, cpus: 2, ...ATTACKED });
  } catch (cause) {
    await keepLogs('start');
    throw cause;
  }
  subject = subjectOf(up, silent);
  untrusted = untrustedOf(up, context);
}, BUILD_AND_BOOT_MS);

afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await keepLogs(task.name);
});

afterAll(async () => {
  untrusted?.node?.console[Symbol.dispose]();
  await context.undo.disposeAsync();
  await down(silent, { purge: true });
}, 120_000);

describe('a node on a fresh disk', () => {
  it('is Ready and passed every phase', () => {
    const missing = up.phases.filter(({ at }) => at === undefined).map(({ name }) => name);
    expect(missing).toEqual([]);
  });

  it.each(NODE_ASSERTIONS)('$name', { timeout: ASSERTION_MS }, async ({ check }) => {
    expect(await check(subject)).not.toBe('');
  });
});

describe('a node with a wrong seed', () => {
  it.each(UNTRUSTED_ASSERTIONS)('$name', { timeout: ASSERTION_MS }, async ({ check }) => {
    expect(await check(untrusted)).not.toBe('');
  });
});
