import * as v from 'valibot';

/** The text of a network file. Undefined when there is none: then every card uses DHCP. */
export type FileText = string | undefined;

/** What is known of the files that this node had, across restarts and boots. */
export interface Judgement {
  /** The file to return to: the cluster was reached with it, or there was nothing to compare it with. */
  readonly good: FileText;
  /** Digest of the file that was taken back last. It counts again once it has changed. */
  readonly refused?: string | undefined;
  /** The file that counts for now, until the cluster is reached with it. */
  readonly trial?: Trial | undefined;
}

/** A judgement as the DHCP agent keeps it. A file that does not exist is null. */
export const StoredJudgement = v.object({
  v: v.literal(1),
  good: v.nullable(v.string()),
  refused: v.optional(v.string()),
  trial: v.optional(v.object({ digest: v.string(), bootId: v.string(), deadline: v.number() })),
});
type StoredJudgement = v.InferOutput<typeof StoredJudgement>;

export const judgementOf = ({ good, refused, trial }: StoredJudgement): Judgement => ({
  good: good ?? undefined,
  refused,
  trial,
});

/** Reads a kept judgement; undefined when the text is none. */
export function parseJudgement(text: string): Judgement | undefined {
  const read = v.safeParse(v.pipe(v.string(), v.parseJson(), StoredJudgement), text);
  return read.success ? judgementOf(read.output) : undefined;
}

export interface Trial {
  readonly digest: string;
  readonly bootId: string;
  /** When the file is taken back, in milliseconds of CLOCK_BOOTTIME of that boot. */
  readonly deadline: number;
}

/** The file that is there now, and when and where that is. */
export interface Found {
  readonly text: FileText;
  readonly digest: string;
  readonly bootId: string;
  readonly now: number;
  /** How many milliseconds the cluster may stay out of reach. */
  readonly limit: number;
}

/** The file to carry out, and what to remember. */
export interface Verdict {
  readonly inForce: FileText;
  readonly judgement: Judgement;
  /** `taken-back`: just now; `refused`: it was taken back earlier and has not changed. */
  readonly outcome: 'good' | 'trial' | 'taken-back' | 'refused';
}

const takeBack = ({ good }: Judgement, digest: string): Verdict => ({
  inForce: good,
  judgement: { good, refused: digest },
  outcome: 'taken-back',
});

/**
 * Judges the present file. A changed one counts on trial. Somebody who lost a node by it turns the power off and on, so
 * a trial that another boot began has failed.
 */
export function judge(before: Judgement | undefined, found: Found): Verdict {
  const { text, digest, bootId, now, limit } = found;
  if (before === undefined || before.good === text)
    return { inForce: text, judgement: { good: text }, outcome: 'good' };
  if (before.refused === digest)
    return { inForce: before.good, judgement: before, outcome: 'refused' };
  const running = before.trial?.digest === digest ? before.trial : undefined;
  if (running !== undefined && (running.bootId !== bootId || now >= running.deadline))
    return takeBack(before, digest);
  const trial = running ?? { digest, bootId, deadline: now + limit };
  return { inForce: text, judgement: { good: before.good, trial }, outcome: 'trial' };
}

/** The cluster was reached with the file, or its time is over and the node has no cluster to reach. */
export const accept = (text: FileText): Judgement => ({ good: text });
