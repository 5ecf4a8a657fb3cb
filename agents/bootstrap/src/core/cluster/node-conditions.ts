import type { HostState, TimeState } from '@kios/node-state';

import type { Condition, NodeObject } from './api-objects.ts';

/** A condition that this agent gives its node. */
export interface Wanted {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

/** Returns the condition that says where a node keeps its state. */
export function stateCondition({ data, dataReason }: HostState): Wanted {
  const type = 'StateInMemory';
  if (data === 'partition') {
    const message = "The node's state is on its data partition.";
    return { type, status: 'False', reason: 'OnDataPartition', message };
  }
  const isFailed = dataReason === 'failed';
  const why = isFailed ? 'its data partition cannot be used' : 'it has no data partition';
  const message = `All state of the node is in memory and lost when it is powered off, because ${why}.`;
  const reason = isFailed ? 'DataPartitionFailed' : 'NoDataPartition';
  return { type, status: 'True', reason, message };
}

/** Returns the condition that says whether a time source disciplines the clock; undefined is no report of it. */
export function clockCondition(time: TimeState | undefined): Wanted {
  const type = 'ClockSynchronized';
  if (time === undefined) {
    const message = 'No agent reports the state of the clock.';
    return { type, status: 'Unknown', reason: 'NoReport', message };
  }
  if (!time.sane) {
    const message =
      'The clock is before the build of the image or the newest saved time, or decades after it.';
    return { type, status: 'False', reason: 'ClockWrong', message };
  }
  if (!time.synced) {
    const message = 'No time source disciplines the clock.';
    return { type, status: 'False', reason: 'NoTimeSource', message };
  }
  const message = `The clock follows ${time.source ?? 'a time source'}.`;
  return { type, status: 'True', reason: 'FollowsTimeSource', message };
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

/** Returns those of the conditions that a Node lacks, or has of an earlier boot. */
export function planConditions(
  { status }: NodeObject,
  conditions: readonly Wanted[],
  now: string,
  bootedAt: number,
): readonly ConditionPatch[] {
  return conditions.flatMap((wanted) => {
    const found = status?.conditions?.find(({ type }) => type === wanted.type);
    const isOfBoot = Date.parse(found?.lastHeartbeatTime ?? '') >= bootedAt;
    if (found !== undefined && isEqual(found, wanted) && isOfBoot) return [];
    const isTurned = found?.status !== wanted.status;
    return [
      { ...wanted, lastHeartbeatTime: now, ...(isTurned ? { lastTransitionTime: now } : {}) },
    ];
  });
}
