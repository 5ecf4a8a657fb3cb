import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { expect, it } from 'vitest';

import { openKernel } from '../../src/build/kernel/open-kernel.ts';
import { openToolroot } from '../../src/build/sources/debian/toolroot.ts';
import { programsFor } from '../../src/checks/suites/programs.ts';
import { bundleAgent } from '../../src/workstation/agent-bundle.ts';
import { workstationArch } from '../../src/workstation/arch.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { repository } from '../../src/workstation/paths.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { runInGuest } from '../support/own-kernel/run-in-guest.ts';
import { SERVER_SEEN_BY_GUEST, TimeOutside } from '../support/own-kernel/time-outside.ts';
import { describeRecorded } from '../support/recorded.ts';

const BUILD_MS = 80 * 60_000;
const RUN_MS = 20 * 60_000;
const SCRIPT = 'test:kernel';

/** What vitest's JSON reporter writes, as far as it is read here. */
const Report = v.object({
  success: v.boolean(),
  numPassedTests: v.number(),
  testResults: v.array(
    v.object({
      message: v.string(),
      assertionResults: v.array(
        v.object({
          fullName: v.string(),
          status: v.string(),
          failureMessages: v.array(v.string()),
        }),
      ),
    }),
  ),
});

const Manifest = v.object({ scripts: v.optional(v.record(v.string(), v.string()), {}) });

const progress = progressOn({ write: (text) => process.stdout.write(text) });

/** Returns the folder of all modules of the kernel with which `runInGuest` starts. */
async function modulesOfKernel(): Promise<string> {
  const tools = await openToolroot(progress);
  return (await openKernel('kios', workstationArch(), tools, progress)).allModules;
}

/** Returns what failed: files that did not load, and tests. */
const failuresIn = ({ testResults }: v.InferOutput<typeof Report>): string[] =>
  testResults.flatMap(({ message, assertionResults }) => [
    ...(message === '' ? [] : [message]),
    ...assertionResults
      .filter(({ status }) => status !== 'passed')
      .map(({ fullName, status, failureMessages }) =>
        [`${fullName}: ${status}`, ...failureMessages].join('\n'),
      ),
  ]);

// Some workstations' kernels have no bonds and no VLANs, and no test may set a workstation's clock or load modules into
// its kernel. On the node's own kernel nothing is skipped.
await describeRecorded('own-kernel', () => {
  it.each(['packages/netlink', 'agents/dhcp', 'agents/chrony-config', 'agents/modloader'])(
    '%s',
    { timeout: BUILD_MS + RUN_MS },
    async (workspace) => {
      await ensurePackages(['build', 'machine', 'netns'], progress);
      const cwd = path.join(repository, workspace);
      const { scripts } = v.parse(
        Manifest,
        JSON.parse(await readFile(path.join(cwd, 'package.json'), 'utf8')),
      );
      const [program = '', ...args] = scripts[SCRIPT]?.split(' ') ?? [];
      const result = '/tmp/report.json';
      const setsClock = workspace === 'agents/chrony-config';
      await using outside = setsClock ? await TimeOutside.open() : undefined;
      const guest = await runInGuest(
        {
          command: [
            process.execPath,
            path.join(repository, 'node_modules/.bin', program),
            ...args,
            '--no-cache',
            '--reporter=json',
            `--outputFile=${result}`,
          ],
          cwd,
          env: {
            ...(await programsFor(['netns'], progress)),
            KIOS_DHCP_AGENT: await bundleAgent('dhcp', progress),
            KIOS_TIME_AGENT: await bundleAgent('chrony-config', progress),
            KIOS_TIME_SERVER: SERVER_SEEN_BY_GUEST,
            KIOS_MODULE_AGENT: await bundleAgent('modloader', progress),
            KIOS_MODULES: await modulesOfKernel(),
            CI: 'true',
          },
          result,
        },
        RUN_MS,
        progress,
        outside?.guestOptions,
      );
      const report = v.safeParse(v.pipe(v.string(), v.parseJson(), Report), guest.result);
      if (!report.success) throw new Error(`the guest ended without a report:\n${guest.output}`);
      expect(failuresIn(report.output)).toEqual([]);
      expect(guest.exitCode).toBe(0);
      expect(report.output.numPassedTests).toBeGreaterThan(0);
    },
  );
});
