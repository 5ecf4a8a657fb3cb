import type { Notice } from '../cluster/join-report.ts';
import type { Wanted } from '../cluster/node-conditions.ts';
import { CONDITIONS, type ConditionType } from './catalogue.ts';
import type { Fault } from './judge.ts';

const HEALTHY: Readonly<Record<ConditionType, string>> = {
  KiosNetwork: 'The node has its network.',
  KiosClock: 'The clock can be trusted.',
  KiosStorage: 'The disk can be used, and has room.',
  KiosBootstrap: 'The node can be a member of its cluster and run its pods.',
};

/** The API server takes 32 KiB; people read less. */
const LONGEST_MESSAGE = 1024;

/** Returns a fault in one sentence, and its remedy in another. */
export const sentenceOf = ({ code, cause, remedy }: Fault): string =>
  `${code}: cannot ${cause}. ${remedy}`.slice(0, LONGEST_MESSAGE);

/** Returns the conditions of a node with these faults; the oldest of a kind gives the reason. */
export function faultConditions(faults: readonly Fault[]): readonly Wanted[] {
  return CONDITIONS.map((type) => {
    const own = faults.filter(({ condition }) => condition === type);
    const [first] = own;
    if (first === undefined)
      return { type, status: 'True', reason: 'NoFault', message: HEALTHY[type] };
    const message = own.map(sentenceOf).join(' ').slice(0, LONGEST_MESSAGE);
    return { type, status: 'False', reason: first.reason, message };
  });
}

/** Returns what Events say of faults that began and ended. */
export const noticesOf = (begun: readonly Fault[], ended: readonly Fault[]): readonly Notice[] => [
  ...begun.map((fault) => ({
    type: 'Warning' as const,
    reason: fault.reason,
    message: sentenceOf(fault),
  })),
  ...ended.map(({ code, reason }) => ({
    type: 'Normal' as const,
    reason: `${reason}Over`,
    message: `${code} is over.`,
  })),
];
