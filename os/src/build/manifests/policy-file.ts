import { EXIT, KiosError } from '@kios/errors';
import { nearest } from '@kios/network-config';
import { causeOf } from '@kios/network-config/yaml-faults';
import * as v from 'valibot';
import { type Document, LineCounter, parseDocument } from 'yaml';

import { lineOf } from './place.ts';
import { NO_PERMISSIONS, type Permissions } from './rules/permissions.ts';
import { POLICY_FILE } from './rules/view.ts';

const Key = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9-]+\/[a-z0-9.-]+$/, 'must be NAMESPACE/NAME of a pod'),
);
const names = v.optional(v.array(v.string('must be a text'), 'must be a list'));
const flag = v.optional(v.boolean('must be true or false'));

const Fields = v.strictObject({
  capabilities: names,
  hostPaths: v.optional(
    v.record(v.string(), v.picklist(['read', 'write'], 'must be read or write'), 'must be a map'),
  ),
  hostNetwork: flag,
  hostPID: flag,
  hostIPC: flag,
  hostPorts: v.optional(v.array(v.number('must be a number'), 'must be a list')),
  shareProcessNamespace: flag,
  sysctls: names,
  root: flag,
  writableRoot: flag,
  unlimitedMemory: names,
  privileged: v.optional(v.literal(true, 'must be true')),
  reason: v.optional(
    v.pipe(v.string('must be a text'), v.trim(), v.minLength(1, 'must not be empty')),
  ),
});
const PERMISSIONS = Object.keys(Fields.entries);

const Entry = v.pipe(
  Fields,
  v.check(
    ({ privileged, reason }) => (privileged === undefined) === (reason === undefined),
    'privileged: true needs a reason, and nothing else has one',
  ),
);

const PolicyFile = v.strictObject({ pods: v.record(Key, Entry, 'must be a map') });

function permissions({ reason, ...given }: v.InferOutput<typeof Entry>): Permissions {
  const stated = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...NO_PERMISSIONS, ...Object.fromEntries(stated), privileged: reason };
}

const refuse = (why: string): KiosError =>
  new KiosError('KIOS_MANIFEST_POLICY', `read ${POLICY_FILE}: ${why}`, {
    exitCode: EXIT.data,
    remedy: 'Correct the file; docs/manifests.md describes it.',
  });

/** Says what is wrong with a part of the file. The library's own sentences are for programmers. */
function whyOf(issue: v.BaseIssue<unknown>): string {
  if (issue.type !== 'strict_object') return issue.message;
  if (issue.expected !== 'never')
    return issue.received === 'undefined' ? 'is missing' : 'must be a map';
  const isTop = issue.path?.length === 1;
  const known = isTop ? Object.keys(PolicyFile.entries) : PERMISSIONS;
  const name = issue.path?.at(-1)?.key;
  const close = typeof name === 'string' ? nearest(name, known) : undefined;
  return `is not known here${close === undefined ? '' : `; the nearest is ${close}`}`;
}

function valueOf(document: Document): unknown {
  try {
    return document.toJS();
  } catch {
    throw refuse('an alias has no anchor');
  }
}

/** Parses os/manifest-policy.yaml. Returns what the static pods may do, by `NAMESPACE/NAME`. */
export function parsePolicy(text: string): Record<string, Permissions> {
  const lines = new LineCounter();
  const document = parseDocument(text, { logLevel: 'error', lineCounter: lines });
  const [error] = document.errors;
  if (error !== undefined)
    throw refuse(`line ${lines.linePos(error.pos[0]).line}: the text ${causeOf(error)}`);
  const parsed = v.safeParse(PolicyFile, valueOf(document));
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const keys = (issue.path ?? []).map(({ key }) => String(key));
    const line = lineOf(document, lines, keys.map((key) => `["${key}"]`).join('')) ?? 1;
    throw refuse(`line ${line}: ${keys.join('.') || 'the document'}: ${whyOf(issue)}`);
  }
  return Object.fromEntries(
    Object.entries(parsed.output.pods).map(([key, entry]) => [key, permissions(entry)]),
  );
}
