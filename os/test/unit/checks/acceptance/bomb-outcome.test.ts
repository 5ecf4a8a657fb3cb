import { describe, expect, it } from 'vitest';

import {
  type BombPod,
  bombOutcome,
} from '../../../../src/checks/acceptance/attacks/bomb-outcome.ts';

const running = { state: { terminated: undefined } };
const pod = (change: Partial<BombPod['status']>): BombPod => ({
  status: { phase: 'Running', reason: '', message: '', containerStatuses: [running], ...change },
});
const terminated = (exitCode: number, reason: string): BombPod['status']['containerStatuses'] => [
  { state: { terminated: { exitCode, reason } } },
];
const evicted = (resource: string): BombPod =>
  pod({
    phase: 'Failed',
    reason: 'Evicted',
    message: `The node was low on resource: ${resource}. Container guest was using 1Gi, request is 0.`,
    containerStatuses: terminated(137, 'Error'),
  });
const RESULT = '{"kernel":"6.12"}\n{"name":"disk","result":"7 bytes of the disk"}\n';

describe('a bomb', () => {
  it('still takes more', () => {
    expect(bombOutcome(pod({}), '', 'memory')).toBeUndefined();
    expect(bombOutcome(pod({ phase: '', containerStatuses: [] }), '', 'memory')).toBeUndefined();
  });

  it('holds what it says', () => {
    expect(bombOutcome(pod({}), RESULT, 'ephemeral-storage')).toBe('7 bytes of the disk');
  });

  it('was killed', () => {
    const killed = pod({ phase: 'Failed', containerStatuses: terminated(137, 'OOMKilled') });
    expect(bombOutcome(killed, '', 'memory')).toBe('killed (OOMKilled)');
  });

  it('was evicted for what it took, even if it said how much', () => {
    expect(bombOutcome(evicted('ephemeral-storage'), RESULT, 'ephemeral-storage')).toBe('evicted');
  });

  it('proves nothing when it was evicted for what a neighbour took', () => {
    expect(() => bombOutcome(evicted('memory'), RESULT, 'ephemeral-storage')).toThrow(
      /evicted for something else: .*memory/,
    );
  });

  it('proves nothing when it was not admitted, which kubelet calls evicted too', () => {
    const message = 'Pod was rejected: The node had condition: [MemoryPressure]. ';
    const rejected = pod({ phase: 'Failed', reason: 'Evicted', message, containerStatuses: [] });
    expect(() => bombOutcome(rejected, '', 'memory')).toThrow(/not admitted: Pod was rejected/);
  });

  it('proves nothing when it failed', () => {
    const failed = pod({ phase: 'Failed', containerStatuses: terminated(1, 'Error') });
    expect(() => bombOutcome(failed, '', 'memory')).toThrow(/failed/);
  });
});
