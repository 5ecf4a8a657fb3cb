import { requireRoot } from '@kios/testkit';
import { beforeEach, describe, expect, it } from 'vitest';

import { RUNTIMES } from '../support/agent-process.ts';
import {
  describeCall,
  type FileSet,
  readSet,
  SET,
  Setting,
  Story,
  tempFiles,
} from '../support/crash-story.ts';
import type { NodeFolder } from '../support/node-folder.ts';

/** Calls that only one thread makes in the write phase under Node, so that each of them is certainly hit. */
const CERTAIN = new Set(['mkdir', 'fchmod', 'fsync', 'rename', 'unlink']);
/** Calls whose effect a reader of the folders sees. */
const VISIBLE = new Set(['mkdir', 'rename', 'unlink', 'connect']);
const KUBECONFIG = 'etc/kubernetes/bootstrap-kubelet.conf';
const OPENS_PORT = 'etc/kubernetes/kubelet.conf.d/20-cluster.conf';

interface Sets {
  readonly before: FileSet;
  readonly old: FileSet;
  readonly new: FileSet;
}

const isSame = (one: FileSet, other: FileSet): boolean =>
  SET.every((file) => one[file] === other[file]);

/**
 * Returns the faults right after the kill: a half-written file, or a kubeconfig before all other files are in place.
 * The file that opens kubelet's port is exempt: a standalone kubelet would not start with it, so it follows the
 * kubeconfig.
 */
function faultsOnDisk(now: FileSet, { before, new: after }: Sets): readonly string[] {
  const half = SET.filter((file) => now[file] !== before[file] && now[file] !== after[file]);
  const isSent = now[KUBECONFIG] === after[KUBECONFIG];
  const missing = SET.filter((file) => file !== OPENS_PORT && now[file] !== after[file]);
  return [
    ...half.map((file) => `${file} is neither old nor new`),
    ...(isSent ? missing.map((file) => `in the cluster while ${file} is old`) : []),
  ];
}

/** Returns the faults after the next run. */
async function faultsAfter(
  story: Story,
  node: NodeFolder,
  sets: Sets,
  end: 'old' | 'new',
): Promise<readonly string[]> {
  if (node.sent.length > 0) node.startKubelet('cluster');
  node.seed(story.setting.documents[end]);
  const agent = await story.run(node);
  const temps = await tempFiles(node);
  return [
    ...((await agent.exit) === 0 ? [] : [`the next run failed: ${JSON.stringify(agent.lines)}`]),
    ...(isSame(readSet(node), sets[end]) ? [] : [`not the ${end} set at the end`]),
    ...temps.map((file) => `${file} is left behind`),
    ...(end === 'new' && node.sent.join() !== '03'
      ? [`the bytes sent are ${node.sent.join()}`]
      : []),
  ];
}

describe.each(RUNTIMES)('killed while it writes, under %s', (runtime, program) => {
  beforeEach(requireRoot);

  it.each(['fresh', 'joined'] as const)(
    'a %s node ends with the old set or the new one',
    { timeout: 400_000 },
    async (kind) => {
      await using setting = await Setting.open();
      const story = new Story(setting, program);
      const start = kind === 'joined' ? await story.joined() : undefined;
      const sets = {
        before: await story.sample(start),
        old: await story.sample(start, 'old'),
        new: await story.sample(start, 'new'),
      };
      const all = await story.targets(start);
      // Where the most files change each call is hit; elsewhere only the visible ones.
      const isWhole = runtime === 'node' && kind === 'joined';
      const targets = isWhole ? all : all.filter(({ name }) => VISIBLE.has(name));
      const hit = new Set<string>();
      const faults: string[] = [];
      for (const [index, target] of targets.entries()) {
        await using node = await story.makeNode('new', start);
        const killed = await story.killAt(node, target);
        if (killed === undefined) continue;
        const at = describeCall(killed);
        hit.add(at);
        // Every other time the document is changed back meanwhile.
        const end = index % 2 === 0 ? 'new' : 'old';
        const found = [
          ...faultsOnDisk(readSet(node), sets),
          ...(await faultsAfter(story, node, sets, end)),
        ];
        faults.push(...found.map((fault) => `killed at ${at}: ${fault}`));
      }
      expect(faults).toEqual([]);
      const certain = targets.filter(({ name }) => CERTAIN.has(name)).map(describeCall);
      expect(certain.length).toBeGreaterThan(10);
      // Bun uses two threads for files, so the nth call of a thread is not always the same.
      const missed = certain.filter((call) => !hit.has(call));
      expect(missed.length).toBeLessThanOrEqual(runtime === 'node' ? 0 : certain.length / 2);
    },
  );
});
