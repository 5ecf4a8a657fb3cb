import type { HostState } from '@kios/node-state';

import type { Condition, NodeObject } from './api-objects.ts';

const TYPE = 'StateInMemory';

interface Wanted {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** Returns the condition that says where a node keeps its state. */
function conditionOf({ data, dataReason }: HostState): Wanted {
  if (data === 'partition') {
    const message = "The node's state is on its data partition.";
    return { type: TYPE, status: 'False', reason: 'OnDataPartition', message };
  }
  const isFailed = dataReason === 'failed';
  const why = isFailed ? 'its data partition cannot be used' : 'it has no data partition';
  const message = `All state of the node is in memory and lost when it is powered off, because ${why}.`;
  const reason = isFailed ? 'DataPartitionFailed' : 'NoDataPartition';
  return { type: TYPE, status: 'True', reason, message };
}

/** A condition as a patch has it; without a transition's time the former one stays. */
export interface ConditionPatch extends Wanted {
  readonly lastHeartbeatTime: string;
  readonly lastTransitionTime?: string;
}

const isEqual = (found: Condition, wanted: Wanted): boolean =>
  found.status === wanted.status &&
  found.reason === wanted.reason &&
  found.message === wanted.message;

/** Returns what a Node lacks to say where its state is in this boot; undefined when it says so. */
export function planCondition(
  { status }: NodeObject,
  host: HostState,
  now: string,
  bootedAt: number,
): ConditionPatch | undefined {
  const wanted = conditionOf(host);
  const found = status?.conditions?.find(({ type }) => type === TYPE);
  const isOfBoot = Date.parse(found?.lastHeartbeatTime ?? '') >= bootedAt;
  if (found !== undefined && isEqual(found, wanted) && isOfBoot) return undefined;
  const isTurned = found?.status !== wanted.status;
  return { ...wanted, lastHeartbeatTime: now, ...(isTurned ? { lastTransitionTime: now } : {}) };
}
