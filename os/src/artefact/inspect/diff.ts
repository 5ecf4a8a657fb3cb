import { formatSize } from '../../workstation/terminal/size.ts';
import { formatTable } from '../../workstation/terminal/table.ts';
import { type Fact, factsOf } from './facts.ts';
import type { Inspection } from './model.ts';

export interface Change {
  readonly subject: string;
  readonly before?: string;
  readonly after?: string;
}

export interface Comparison {
  readonly changes: readonly Change[];
  /** Shares by name whose size differs, in bytes. */
  readonly growth: readonly { readonly what: string; readonly bytes: number }[];
}

const bySubject = (facts: readonly Fact[]): Map<string, Fact> =>
  new Map(facts.map((fact) => [fact.subject, fact]));

const sizes = (shares: Inspection['shares']): Map<string, number> =>
  new Map(shares.map(({ what, bytes }) => [what, bytes]));

/** Returns what `after` has, lacks or has otherwise than `before`. */
export function compare(before: Inspection, after: Inspection): Comparison {
  const [old, current] = [bySubject(factsOf(before)), bySubject(factsOf(after))];
  const subjects = [...new Set([...old.keys(), ...current.keys()])];
  const changes = subjects.flatMap((subject): Change[] => {
    const [was, is] = [old.get(subject), current.get(subject)];
    if (was?.value === is?.value) return [];
    return [
      {
        subject,
        ...(was === undefined ? {} : { before: was.shown }),
        ...(is === undefined ? {} : { after: is.shown }),
      },
    ];
  });
  const [was, is] = [sizes(before.shares), sizes(after.shares)];
  const growth = [...new Set([...was.keys(), ...is.keys()])]
    .map((what) => ({ what, bytes: (is.get(what) ?? 0) - (was.get(what) ?? 0) }))
    .filter(({ bytes }) => bytes !== 0)
    .toSorted((a, b) => Math.abs(b.bytes) - Math.abs(a.bytes));
  return { changes, growth };
}

function line({ subject, before, after }: Change): string {
  if (before === undefined) return `+ ${subject}  ${after ?? ''}`.trimEnd();
  if (after === undefined) return `- ${subject}  ${before}`.trimEnd();
  return `~ ${subject}  ${before} → ${after}`;
}

const signed = (bytes: number): string => `${bytes > 0 ? '+' : ''}${formatSize(bytes)}`;

/** Describes the differences in lines for people: `+` is only in the other file, `-` is not in it, `~` is changed. */
export function compareLines(
  before: Inspection,
  after: Inspection,
  { changes, growth }: Comparison,
): string[] {
  if (changes.length === 0) return [`${before.file} and ${after.file} hold the same`];
  const total = after.bytes - before.bytes;
  return [
    `--- ${before.file}, ${formatSize(before.bytes)}`,
    `+++ ${after.file}, ${formatSize(after.bytes)}${total === 0 ? '' : ` (${signed(total)})`}`,
    ...changes.map(line),
    ...(growth.length === 0 ? [] : ['', 'Growth']),
    ...formatTable(growth.map(({ what, bytes }) => [`  ${signed(bytes).padStart(11)}`, what])),
  ];
}
