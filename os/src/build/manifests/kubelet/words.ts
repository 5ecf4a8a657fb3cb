import { nearest } from '@kios/network-config';

import { type Fault, typeOf } from '../fault.ts';
import { valueAt } from '../place.ts';
import { FORBIDDEN, INVALID, worded } from './sentences.ts';
import type { JudgedFault } from './verdict.ts';

const TYPES: Readonly<Record<string, string>> = {
  bool: 'boolean',
  int32: 'integer of 32 bits',
  int64: 'integer of 64 bits',
  intorstring: 'integer or string',
  quantity: 'a quantity such as 128Mi',
  time: 'a time such as 2026-01-02T03:04:05Z',
};

const shown = (value: unknown): string =>
  typeof value === 'object' || value === undefined ? '' : `is ${JSON.stringify(value)}, `;

/** Words a size or a number of items that Kubernetes' validation limits. */
function limit(bound: 'at most' | 'at least', verb: string, detail: string): string {
  const found = /(\d+) (byte|character|item)/.exec(detail);
  if (found === null) return bound === 'at most' ? 'is too long' : 'is too short';
  const [, count = '', unit = ''] = found;
  return `must ${verb} ${bound} ${count} ${unit}${count === '1' ? '' : 's'}`;
}

/** Kubernetes' own words stand behind ours where there are many of them, as its own. */
const quoted = (ours: string, detail: string): string =>
  detail === '' ? ours : `${ours}: “${detail}”`;

function wrongType(value: unknown, detail: string): Omit<Fault, 'path'> {
  const wanted = TYPES[detail] ?? detail;
  const isAmount =
    detail === 'quantity' || detail === 'time' || typeOf(value) === wanted.split(' ')[0];
  return {
    cause: `${isAmount ? `is ${JSON.stringify(value)}` : `is ${typeOf(value)}`}, must be ${wanted}`,
  };
}

function unknownField(path: string, detail: string): Omit<Fault, 'path'> {
  const name = path.split('.').at(-1) ?? '';
  const known = nearest(name, detail.split(' '));
  const cause = 'is not a field of this object';
  return known === undefined ? { cause } : { cause, advice: `the nearest is ${known}` };
}

const choices = (detail: string): string =>
  [...detail.matchAll(/"((?:[^"\\]|\\.)*)"/g)]
    .map(([, one = '']) => one)
    .filter(Boolean)
    .toSorted()
    .join(', ');

/** Words what kubelet refuses of its configuration: its sentence names a field, which may be another one. */
function refused(given: unknown, path: string, detail: string): string {
  const text = detail.replace('invalid configuration: ', '');
  if (path === '') return quoted('has fields that do not go together', text);
  const gate = /unrecognized feature gate: (\S+)/.exec(text);
  if (gate !== null) return `has ${gate[1]}, which kubelet does not know`;
  const options = /(?:must be one of:?|Valid options are) (.*)$/.exec(text);
  if (options !== null) return `${shown(given)}must be one of ${choices(options[1] ?? '')}`;
  const words = text.startsWith(`${path} `) ? worded(INVALID, text) : undefined;
  return shown(given) + (words ?? `with which kubelet refuses its configuration: “${text}”`);
}

type Wording = (given: unknown, fault: JudgedFault) => Omit<Fault, 'path'>;

const WORDINGS: Readonly<Record<string, Wording>> = {
  UnknownField: (_, { path, detail }) => unknownField(path, detail),
  WrongType: (given, { value, detail }) => wrongType(given ?? value, detail),
  FieldValueRequired: (given) => ({ cause: given === undefined ? 'is missing' : 'is empty' }),
  FieldValueDuplicate: (given) => ({ cause: `${shown(given)}which another one has already` }),
  FieldValueNotFound: (given, { path }) => ({
    cause: `${shown(given)}which is ${/volume(?:Mount|Device)s/.test(path) ? 'no volume of the pod' : 'not there'}`,
  }),
  FieldValueNotSupported: (given, { detail }) => ({
    cause: `${shown(given)}must be one of ${choices(detail)}`,
  }),
  FieldValueInvalid: (given, { value, detail }) => {
    const words = worded(INVALID, detail) ?? quoted('is no value that kubelet takes here', detail);
    const one = typeof given === 'object' ? value : given;
    return { cause: words.startsWith('must') ? `${shown(one)}${words}` : words };
  },
  FieldValueForbidden: (_, { detail }) => ({
    cause:
      worded(FORBIDDEN, detail) ?? quoted('must not be set beside the rest of the pod', detail),
  }),
  FieldValueTooLong: (_, { detail }) => ({ cause: limit('at most', 'be', detail) }),
  FieldValueTooShort: (_, { detail }) => ({ cause: limit('at least', 'be', detail) }),
  FieldValueTooMany: (_, { detail }) => ({ cause: limit('at most', 'have', detail) }),
  FieldValueTooFew: (_, { detail }) => ({ cause: limit('at least', 'have', detail) }),
  FieldValueTypeInvalid: (given, { value }) => ({
    cause: `is ${typeOf(given ?? value)}, which is a wrong type here`,
  }),
  InternalError: (_, { detail }) => ({
    cause: 'cannot be judged by kubelet, which refuses it therefore',
    ...(detail === '' ? {} : { advice: `its own words are “${detail}”` }),
  }),
  Refused: (given, { path, detail }) => ({ cause: refused(given, path, detail) }),
};

/** The kinds of faults that have a wording. */
export const WORDED: readonly string[] = Object.keys(WORDINGS);

/** Returns the path of a field in a manifest: in Kubernetes' own types the security context holds some of the pod's. */
const pathInManifest = (path: string): string =>
  path.replace(
    /^spec\.securityContext\.(?=(?:host(?:IPC|Network|PID|Users)|shareProcessNamespace)$)/,
    'spec.',
  );

/** Words a fault that kubelet finds in a pod. */
export function wordFault(pod: unknown, judged: JudgedFault): Fault {
  const fault = { ...judged, path: pathInManifest(judged.path) };
  const { path, value, detail } = fault;
  // kubelet judges the pod with the node's name behind its own.
  const given = valueAt(pod, path) ?? (value === '' ? undefined : value);
  const wording = WORDINGS[fault.kind];
  if (wording === undefined) return { path, cause: quoted('is refused by kubelet', detail) };
  return { path, ...wording(given, fault) };
}
