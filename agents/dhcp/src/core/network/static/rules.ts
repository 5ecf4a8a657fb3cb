import type { Rule } from '@kios/netlink/rules';

import { STATIC } from '../../kernel/marks.ts';
import type { Present, StaticLink, StaticStep } from './model.ts';
import { wantedRules } from './wanted.ts';

const keyOf = ({ family, from, to, table, mark, typeOfService }: Rule): string =>
  [family, from, to, table, mark, typeOfService].join(' ');

/** A rule without a priority is any of its wording: the kernel has chosen its priority. */
const isSame = (there: Rule, wanted: Rule): boolean =>
  keyOf(there) === keyOf(wanted) &&
  (wanted.priority === undefined || wanted.priority === there.priority);

/**
 * Plans the rules of the whole file, because none belongs to a link. New ones come first, and those of others do not
 * count: the kernel keeps rules of different makers apart, however they are worded.
 */
export function planRules(links: readonly StaticLink[], { rules }: Present): StaticStep[] {
  const left = rules.filter(({ protocol }) => protocol === STATIC);
  const seen = new Set<string>();
  const wanted = links
    .flatMap(wantedRules)
    .filter((rule) => {
      // A part of the file may match several cards.
      const text = `${keyOf(rule)} ${rule.priority}`;
      return !seen.has(text) && seen.add(text);
    })
    // Those with a priority choose first, because the others take any.
    .toSorted((a, b) => Number(a.priority === undefined) - Number(b.priority === undefined));
  const missing = wanted.filter((rule) => {
    const at = left.findIndex((there) => isSame(there, rule));
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
  return [
    ...missing.map((rule) => ({ tag: 'add-rule', rule }) as const),
    ...left.map((rule) => ({ tag: 'delete-rule', rule }) as const),
  ];
}
