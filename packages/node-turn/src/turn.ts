import * as v from 'valibot';

import { ACTIONS } from './request.ts';

/** The annotation of a Node in which its agent keeps what it does, and later what came of it. */
export const TURN = 'kios.dev/turn';

/**
 * `waiting`: for room in the fleet. `draining`: pods are evicted. `stopping`: the host is asked, or has stopped; over
 * when the node is Ready in another boot. `done` and `failed` are over.
 */
const PHASES = ['waiting', 'draining', 'stopping', 'done', 'failed'] as const;
export type Phase = (typeof PHASES)[number];

const Turn = v.object({
  v: v.literal(1),
  action: v.picklist(ACTIONS),
  /** The text of the request that it fulfils. */
  request: v.string(),
  phase: v.picklist(PHASES),
  /** The beginning of the phase, and its deadline, as RFC 3339. */
  since: v.pipe(v.string(), v.isoTimestamp()),
  until: v.optional(v.pipe(v.string(), v.isoTimestamp())),
  /** The agent has cordoned the node, written in the same patch. */
  cordoned: v.boolean(),
  /** The boot in which the host was asked; later the boot that fulfilled it. */
  bootId: v.optional(v.string()),
  /** It was for an update, and after the boot nobody has said which system runs. */
  isUnjudged: v.optional(v.boolean()),
  /** What it waits for, or why it failed: for people. */
  message: v.optional(v.string()),
});
export type Turn = Readonly<v.InferOutput<typeof Turn>>;

/** Reads the annotation; undefined when there is none or it is not of an agent. */
export function parseTurn(text: string | undefined): Turn | undefined {
  if (text === undefined) return undefined;
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Turn), text);
  return parsed.success ? parsed.output : undefined;
}

export const formatTurn = (turn: Turn): string => JSON.stringify(turn);

export const isOver = ({ phase }: Turn): boolean => phase === 'done' || phase === 'failed';

/** Returns the turn that is not over. */
export function activeTurn(text: string | undefined): Turn | undefined {
  const turn = parseTurn(text);
  return turn === undefined || isOver(turn) ? undefined : turn;
}

export const isLate = ({ until }: Turn, now: number): boolean =>
  until !== undefined && now > Date.parse(until);

/** Returns a time as annotations have it. */
export const timestamp = (ms: number): string => new Date(ms).toISOString();
