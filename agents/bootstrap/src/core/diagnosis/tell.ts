import type { Notice } from '../cluster/join-report.ts';
import type { Wanted } from '../cluster/node-conditions.ts';
import { CONDITIONS, type ConditionType } from './catalogue.ts';
import type { Fault } from './judge.ts';
import type { UpdateSign } from './signs.ts';

const HEALTHY: Readonly<Record<ConditionType, string>> = {
  KiosNetwork: 'The node has its network.',
  KiosClock: 'The clock can be trusted.',
  KiosStorage: 'The disk can be used, and has room.',
  KiosBootstrap: 'The node can be a member of its cluster and run its pods.',
  KiosUpdate: 'The node has not come back from an update.',
};

/** The API server takes 32 KiB; people read less. */
const LONGEST_MESSAGE = 1024;

/** Returns a fault in one sentence, and its remedy in another. */
export const sentenceOf = ({ code, cause, remedy }: Fault): string =>
  `${code}: cannot ${cause}. ${remedy}`.slice(0, LONGEST_MESSAGE);

/** Returns the condition of a kind of which no fault is known. */
function healthy(type: ConditionType, update: UpdateSign | undefined): Wanted {
  const isTrial = type === 'KiosUpdate' && update?.isTrial === true;
  const message = `kiOS ${update?.version ?? ''} is on trial: the node goes back unless it stays Ready.`;
  return isTrial
    ? { type, status: 'True', reason: 'OnTrial', message }
    : { type, status: 'True', reason: 'NoFault', message: HEALTHY[type] };
}

/** Returns the conditions of a node with these faults; the oldest of a kind gives the reason. */
export function faultConditions(faults: readonly Fault[], update?: UpdateSign): readonly Wanted[] {
  return CONDITIONS.map((type) => {
    const own = faults.filter(({ condition }) => condition === type);
    const [first] = own;
    if (first === undefined) return healthy(type, update);
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
