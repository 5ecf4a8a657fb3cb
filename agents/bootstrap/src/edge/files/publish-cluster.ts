import { rm } from 'node:fs/promises';
import path from 'node:path';

import { writeAtomic } from '@kios/agent';
import { ClusterState, formatState } from '@kios/node-state';

import type { Settings } from '../../core/settings/settings.ts';

/** Tells other agents where the cluster's API server is; undefined: the node is in no cluster. */
export async function publishCluster({ run }: Settings, server: string | undefined): Promise<void> {
  const file = path.join(run, 'platform/cluster.json');
  if (server === undefined) await rm(file, { force: true });
  else await writeAtomic(file, formatState(ClusterState, { v: 1, server }));
}
