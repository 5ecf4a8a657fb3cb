import type { DegradeLevel } from './requests.ts';

/** By the number of messages without a reply. */
const DEGRADE_LEVELS: readonly DegradeLevel[] = [0, 0, 0, 1, 2, 3];

/**
 * Returns the level of the `attempt`-th message without a reply, counted from 0. After the last level every other
 * message is complete again: perhaps only the wire was dead.
 */
export function levelAt(attempt: number, known: DegradeLevel): DegradeLevel {
  const level = DEGRADE_LEVELS[attempt] ?? (attempt % 2 === 0 ? 0 : 3);
  if (!isClimbing(attempt)) return level;
  return level > known ? level : known;
}

/** Returns whether the message may be the first one of its level. */
export const isClimbing = (attempt: number): boolean => attempt < DEGRADE_LEVELS.length;
