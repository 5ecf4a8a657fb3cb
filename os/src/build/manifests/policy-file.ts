import { EXIT, KiosError } from '@kios/errors';
import * as v from 'valibot';
import { parse } from 'yaml';

import { NO_PERMISSIONS, type Permissions } from './rules/permissions.ts';
import { POLICY_FILE } from './rules/view.ts';

const Key = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9-]+\/[a-z0-9.-]+$/, 'must be NAMESPACE/NAME of a pod'),
);
const names = v.optional(v.array(v.string()));
const flag = v.optional(v.boolean());

const Entry = v.pipe(
  v.strictObject({
    capabilities: names,
    hostPaths: v.optional(v.record(v.string(), v.picklist(['read', 'write']))),
    hostNetwork: flag,
    hostPID: flag,
    hostIPC: flag,
    hostPorts: v.optional(v.array(v.number())),
    shareProcessNamespace: flag,
    sysctls: names,
    root: flag,
    writableRoot: flag,
    unlimitedMemory: names,
    privileged: v.optional(v.literal(true)),
    reason: v.optional(v.pipe(v.string(), v.trim(), v.minLength(1))),
  }),
  v.check(
    ({ privileged, reason }) => (privileged === undefined) === (reason === undefined),
    'privileged: true needs a reason, and nothing else has one',
  ),
);

const PolicyFile = v.strictObject({ pods: v.record(Key, Entry) });

function permissions({ reason, ...given }: v.InferOutput<typeof Entry>): Permissions {
  const stated = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...NO_PERMISSIONS, ...Object.fromEntries(stated), privileged: reason };
}

const refuse = (why: string, cause?: unknown): KiosError =>
  new KiosError('KIOS_MANIFEST_POLICY', `read ${POLICY_FILE}: ${why}`, {
    ...(cause === undefined ? {} : { cause }),
    exitCode: EXIT.data,
    remedy: 'Correct the file; docs/manifests.md describes it.',
  });

function parseYaml(text: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    throw refuse('it is not YAML', cause);
  }
}

/** Parses os/manifest-policy.yaml. Returns what the static pods may do, by `NAMESPACE/NAME`. */
export function parsePolicy(text: string): Record<string, Permissions> {
  const parsed = v.safeParse(PolicyFile, parseYaml(text));
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw refuse(`${v.getDotPath(issue) ?? 'the document'}: ${issue.message}`);
  }
  return Object.fromEntries(
    Object.entries(parsed.output.pods).map(([key, entry]) => [key, permissions(entry)]),
  );
}
