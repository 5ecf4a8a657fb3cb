import { beforeAll, expect, it } from 'vitest';

import { buildUpstream } from '../../src/build/sources/upstream/build.ts';
import { conformance, type ConformanceOptions } from '../../src/conformance/conformance.ts';
import { testImages } from '../../src/conformance/images/images.ts';
import { buildForLab } from '../../src/lab/bring-up.ts';
import { down } from '../../src/lab/down.ts';
import { workstationArch } from '../../src/workstation/arch.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { describeRecorded } from '../support/recorded.ts';

const BUILD_MS = 80 * 60_000;
/** A cluster takes five minutes on two slow cores, a spec up to three, and two run at a time. */
const DEADLINE_MS = 30 * 60_000;
/** What the command does after the signal: it stops the node and the control plane. */
const END_MS = 3 * 60_000;
/** An image that has not changed. */
const BUILD_AGAIN_MS = 15 * 60_000;

/** One spec each: all but the last take one small image, and little more than the start of a pod. */
const FOCUS = [
  String.raw`Downward API should provide pod name, namespace and IP address as env vars \[NodeConformance\] \[Conformance\]`,
  'When creating a pod with privileged should run the container as unprivileged when false',
  'When creating a pod with HostUsers must create the user namespace if set to false',
  String.raw`Services should serve a basic endpoint from pods\s+\[Conformance\]`,
];

const options: ConformanceOptions = {
  focus: FOCUS,
  skip: [],
  slice: 1,
  slices: 1,
  nodes: 1,
  parallel: 2,
  list: false,
  again: true,
};

/** Runs the command, and returns what it printed. It leaves nothing running, also when it fails. */
async function run(chosen: Partial<ConformanceOptions>): Promise<string[]> {
  const printed: string[] = [];
  await using undo = new AsyncDisposableStack();
  await conformance(
    {
      progress: progressOn({ write: (text) => process.stdout.write(text) }),
      signal: AbortSignal.timeout(DEADLINE_MS),
      undo,
      print: (line) => {
        printed.push(line);
        process.stdout.write(`${line}\n`);
      },
    },
    { ...options, ...chosen },
  );
  return printed;
}

await describeRecorded('conformance', () => {
  beforeAll(async () => {
    const progress = progressOn({ write: (text) => process.stdout.write(text) });
    await down(silent, { purge: true });
    await buildUpstream(['e2e.test', 'kubectl'], workstationArch(), progress);
    await testImages('amd64', progress);
    await buildForLab(progress);
  }, BUILD_MS);

  it('each pattern takes one spec', async () => {
    for (const focus of FOCUS) expect(await run({ focus: [focus], list: true })).toHaveLength(1);
  }, 120_000);

  it(
    'a node passes specs on pods, on Services and on users of its own',
    async () => {
      const printed = await run({});
      expect(printed).toEqual([
        `${FOCUS.length} passed, 0 failed, 0 of them as expected, 0 skipped`,
      ]);
    },
    DEADLINE_MS + END_MS,
  );

  it(
    'what has a result is not run again: the same command prints it without a cluster',
    async () => {
      const printed = await run({ again: false });
      expect(printed).toEqual([
        `${FOCUS.length} passed, 0 failed, 0 of them as expected, 0 skipped`,
      ]);
    },
    BUILD_AGAIN_MS,
  );
});
