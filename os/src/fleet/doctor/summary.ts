import { plain } from '../../workstation/terminal/plain.ts';
import type { Facts } from './facts.ts';
import { findings, identity, notes } from './findings.ts';
import type { Gathered } from './gather.ts';

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)];

/** What lacks in the bundle, by cause: one unreachable kubelet takes many parts with it. */
function missing(gathered: readonly Gathered[]): string[] {
  const lacking = gathered.filter(({ outcome }) => outcome !== 'there');
  const byCause = Map.groupBy(lacking, ({ outcome, cause = '' }) =>
    cause === '' ? outcome : `${outcome}: ${cause}`,
  );
  return [...byCause].map(
    ([cause, parts]) => `${parts.map(({ file }) => file).join(', ')}: ${cause}`,
  );
}

export interface Summary {
  /** What is wrong. */
  readonly wrong: readonly string[];
  readonly lines: readonly string[];
}

/** Says what is wrong first, then what may explain it, what the node is, and what the bundle lacks. */
export function summarise(facts: Facts, gathered: readonly Gathered[]): Summary {
  const wrong = findings(facts).map(plain);
  const head =
    wrong.length === 0
      ? [`Nothing is known to be wrong with ${facts.name}.`]
      : [`Wrong with ${facts.name}:`, ...wrong.map((line) => `  ${line}`)];
  return {
    wrong,
    lines: [
      ...head,
      ...section('It may explain this:', notes(facts)),
      ...section('The node:', identity(facts)),
      ...section('Not in the bundle:', missing(gathered)),
    ].map(plain),
  };
}
