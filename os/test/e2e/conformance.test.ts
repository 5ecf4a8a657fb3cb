import { expect, it } from 'vitest';

import { buildUpstream } from '../../src/build/sources/upstream/build.ts';
import { conformance } from '../../src/conformance/conformance.ts';
import { patternOf, sliceOf, Suite } from '../../src/conformance/specs.ts';
import { workstationArch } from '../../src/workstation/arch.ts';
import type { CommandContext } from '../../src/workstation/command-context.ts';
import { repository } from '../../src/workstation/paths.ts';
import { run } from '../../src/workstation/run.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { describeRecorded } from '../support/recorded.ts';

const BUILD_AND_RUN_MS = 80 * 60_000;

/** What breaks first on a minimal host, and one spec of each part that the cluster gets here. */
const FIRST = [
  'Security Context when creating containers with AllowPrivilegeEscalation',
  'Security Context When creating a container with runAsNonRoot',
  'Security Context When creating a pod with (?:privileged|readOnlyRootFilesystem)',
  'When creating a pod with HostUsers must create the user namespace if set to false',
  'Sysctls .*should support sysctls',
  'KubeletManagedEtcHosts',
  'InitContainer .*should invoke',
  'Ephemeral Containers .*will start',
  'RuntimeClass should schedule',
  'HostPath should',
  'nonexistent volume subPath',
  'HostPort validates',
  'Pods should function for intra-pod communication: http',
  String.raw`DNS should provide DNS for the cluster \[Conformance\]`,
  'Services should serve a basic endpoint from pods',
];
/** Specs that end the node, or wait for what no other spec may change meanwhile. */
const LEFT_OUT = String.raw`\[Disruptive\]|\[Serial\]|\[Slow\]`;
/** Of all that a node must pass each commit runs one part of so many. */
const PARTS = 40;

/** Returns the part that the commit chooses: over the commits all parts take their turn. */
async function partOfCommit(suite: Suite): Promise<string[]> {
  const commit = await run('git', ['rev-parse', 'HEAD'], { cwd: repository });
  const all = await suite.list(String.raw`\[NodeConformance\]`, String.raw`${LEFT_OUT}|\[Feature:`);
  return sliceOf(all.toSorted(), 1 + (Number.parseInt(commit.slice(0, 8), 16) % PARTS), PARTS);
}

await describeRecorded('conformance', () => {
  it(
    'a node passes what breaks first on a minimal host, and a part of the rest that the commit chooses',
    async () => {
      const progress = progressOn({ write: (text) => process.stdout.write(text) });
      const programs = await buildUpstream(['e2e.test'], workstationArch(), progress);
      const part = await partOfCommit(new Suite(programs.get('e2e.test')!.path));
      const printed: string[] = [];
      await using undo = new AsyncDisposableStack();
      const context: CommandContext = {
        progress,
        signal: new AbortController().signal,
        undo,
        print: (line) => {
          printed.push(line);
          process.stdout.write(`${line}\n`);
        },
      };
      await conformance(context, {
        focus: [...FIRST, patternOf(part)],
        skip: [LEFT_OUT],
        slice: 1,
        slices: 1,
        nodes: 1,
        parallel: 2,
        list: false,
        again: true,
      });
      const [passed = 0] = printed
        .at(-1)!
        .match(/^\d+(?= passed)/)!
        .map(Number);
      expect(passed).toBeGreaterThan(FIRST.length + part.length / 2);
    },
    BUILD_AND_RUN_MS,
  );
});
