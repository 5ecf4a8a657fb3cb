import { isDeepStrictEqual } from 'node:util';

import { type Fault, isRecord } from '../fault.ts';
import { withoutNulls } from '../parse.ts';
import { valueAt } from '../place.ts';
import { list, record } from '../rules/view.ts';
import { UNREADABLE, worded } from './sentences.ts';
import type { JudgedFault, Verdict } from './verdict.ts';
import { wordFault } from './words.ts';

/** Returns the path of the first place where two values differ. */
function difference(one: unknown, other: unknown, path = ''): string | undefined {
  if (isDeepStrictEqual(one, other)) return undefined;
  if (Array.isArray(one) && Array.isArray(other) && one.length === other.length)
    return one
      .map((item, index) => difference(item, other[index], `${path}[${index}]`))
      .find((found) => found !== undefined);
  if (!isRecord(one) || !isRecord(other)) return path;
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  return names
    .map((name) => difference(one[name], other[name], path === '' ? name : `${path}.${name}`))
    .find((found) => found !== undefined);
}

const isInside = (path: string, outer: string): boolean =>
  outer === '' ? path !== '' : path.startsWith(`${outer}.`) || path.startsWith(`${outer}[`);

/**
 * Says whether a fault is there only because of another: below what has a wrong type, or at a mount of a volume that
 * has a fault of its own and so is none to kubelet.
 */
function isConsequence(pod: unknown, fault: JudgedFault, all: readonly JudgedFault[]): boolean {
  const { path, kind, value } = fault;
  if (all.some((one) => one.kind === 'WrongType' && isInside(path, one.path))) return true;
  // What has no request gets its limit as one, with the same fault.
  if (path.includes('.resources.requests[') && valueAt(pod, path) === undefined)
    return all.some((one) => one.path === path.replace('.requests[', '.limits['));
  const { volumes } = record(record(pod)['spec']);
  return (
    kind === 'FieldValueNotFound' && list(volumes).some((one) => record(one)['name'] === value)
  );
}

/** Words what kubelet's reader says of a text that ours takes. Its sentence can name the line. */
function unreadable(sentence = ''): Fault {
  const [, line] = /line (\d+)/.exec(sentence) ?? [];
  const place = line === undefined ? {} : { line: Number(line) };
  const words = worded(UNREADABLE, sentence);
  if (words !== undefined)
    return {
      path: '',
      cause: words,
      advice: 'kubelet’s reader of YAML is stricter than others',
      ...place,
    };
  return { path: '', cause: `cannot be read by kubelet: “${sentence}”`, ...place };
}

/** Returns what kubelet refuses in a manifest that reads as `pod`. */
export function kubeletFaults(pod: unknown, verdict: Verdict | undefined): Fault[] {
  if (verdict === undefined) return [];
  const { value, unreadable: sentence, refers, faults } = verdict;
  if (value === undefined) return [unreadable(sentence)];
  const other = difference(pod, withoutNulls(value));
  if (other !== undefined)
    return [
      { path: other, cause: 'is read as another value by kubelet', advice: 'put it in quotes' },
    ];
  const found = faults
    .filter((fault) => !isConsequence(pod, fault, faults))
    .map((fault) => wordFault(pod, fault));
  if (found.length > 0) return found;
  if (sentence !== undefined) return [unreadable(sentence)];
  if (refers === undefined) return [];
  return [
    { path: 'spec', cause: `refers to ${refers}, which a static pod cannot: kubelet refuses it` },
  ];
}
