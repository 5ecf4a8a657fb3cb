import path from 'node:path';

import { writeAtomic } from '@kios/agent';
import { formatState, NodeState, readStateIfThere, SlotsState } from '@kios/node-state';

import type { Settings } from '../../core/settings/settings.ts';
import { bootSeconds } from './host.ts';

/** Tells init how the node stands to its cluster, as it was just seen. */
export async function publishStanding({ run }: Settings, state: NodeState['state']): Promise<void> {
  const text = formatState(NodeState, { v: 1, state, looked: await bootSeconds() });
  await writeAtomic(path.join(run, 'platform/node.json'), text);
}

/** Returns whether init judges a new version of the system, for which it needs to know how the node stands. */
export async function isSystemOnTrial({ run }: Settings): Promise<boolean> {
  const file = path.join(run, 'slots.json');
  // What cannot be read is no order to look more often.
  const slots = await readStateIfThere(SlotsState, file).catch(() => undefined);
  return slots?.state === 'trial';
}
