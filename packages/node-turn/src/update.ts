import * as v from 'valibot';

import { type Annotations, parseOptions } from './request.ts';
import { parseTurn, TURN } from './turn.ts';

/** The annotation of a Node in which its update agent says how the node stands to the system that it is to run. */
export const UPDATE = 'kios.dev/update';

/** The annotation by which a person lets a node try once more what has failed there. */
export const RETRY = 'kios.dev/retry';

/**
 * `refused`: nothing was written, and the message says why. `staging`: the system is written to the medium. `staged`:
 * it is there, and the next boot tries it. `trial`: it runs and is not yet confirmed. `current`: it runs, confirmed.
 * `failed`: this node came back from it.
 */
const STATES = ['refused', 'staging', 'staged', 'trial', 'current', 'failed'] as const;
export type UpdateState = (typeof STATES)[number];

/** SHA-256 of an EFI file, in hexadecimal. */
const Digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));

const Update = v.object({
  v: v.literal(1),
  /** The boot in which it was written. */
  bootId: v.string(),
  state: v.picklist(STATES),
  /** The system that the node is to run. */
  version: v.string(),
  digest: Digest,
  /** The system that runs; absent where nobody can tell. */
  running: v.optional(Digest),
  /** What runs is not yet confirmed. */
  trial: v.boolean(),
  /** The systems that this node came back from, which no other node begins with. */
  failed: v.array(Digest),
  /** The order of a person's command that this answers. */
  order: v.optional(v.string()),
  code: v.optional(v.string()),
  message: v.optional(v.string()),
});
export type Update = Readonly<v.InferOutput<typeof Update>>;

/** Reads the annotation; undefined when there is none or it is not of an agent. */
export function parseUpdate(text: string | undefined): Update | undefined {
  if (text === undefined) return undefined;
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Update), text);
  return parsed.success ? parsed.output : undefined;
}

export const formatUpdate = (update: Update): string => JSON.stringify(v.parse(Update, update));

/** Returns the system that a request is for; undefined when it asks for no more than a reboot. */
export function updateIn(request: string): string | undefined {
  const options = parseOptions(request);
  return typeof options === 'string' ? undefined : options.update;
}

/**
 * How a boot stands to the system that it was for. `silent`: the update agent has not yet spoken in this boot. `back`:
 * the agent names it among those that the node came back from, so that other nodes see it before a turn ends.
 */
export type Verdict = 'silent' | 'open' | 'good' | 'back';

export function verdictOf(text: string | undefined, bootId: string, digest: string): Verdict {
  const update = parseUpdate(text);
  if (update?.bootId !== bootId) return 'silent';
  if (update.running === digest && !update.trial) return 'good';
  return update.failed.includes(digest) && !update.trial ? 'back' : 'open';
}

/** Returns the systems with which no other node begins because of this one. */
export function failedOn(annotations: Annotations): readonly string[] {
  const update = parseUpdate(annotations[UPDATE]);
  const told = update?.failed ?? [];
  const turn = parseTurn(annotations[TURN]);
  const unjudged = turn?.isUnjudged === true ? updateIn(turn.request) : undefined;
  const runs = update?.trial === false ? update.running : undefined;
  return unjudged === undefined || unjudged === runs ? told : [...told, unjudged];
}
