import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import * as v from 'valibot';

import type { Kubectl } from '../../lab/kubectl.ts';
import { demand, type Subject } from './assertion.ts';
import { createGuest, deleteGuest } from './guest-pod.ts';

const EXIT_CODE = '.status.containerStatuses[0].state.terminated.exitCode';
const PRINT_MS = 120_000;
const POLL_MS = 500;

const Line = v.union([
  v.object({ kernel: v.string() }),
  v.object({ name: v.string(), result: v.nullable(v.string()) }),
]);

/** Results of a node's kernel, by the name of the attempt. */
export interface Results {
  readonly kernel: 'debian' | 'kios';
  readonly results: ReadonlyMap<string, string | null>;
}

/** Parses the output of `os/guest/src/main.ts`. */
export function parseResults(output: string): Results {
  const lines = output
    .trim()
    .split('\n')
    .map((line) => v.parse(v.pipe(v.string(), v.parseJson(), Line), line));
  const release = lines.find((line) => 'kernel' in line)?.kernel ?? '';
  const results = lines.flatMap((line) =>
    'name' in line ? [[line.name, line.result] as const] : [],
  );
  return { kernel: /deb\d+/.test(release) ? 'debian' : 'kios', results: new Map(results) };
}

/** Waits until a pod has printed the results of these names, and returns them. */
export async function resultsOf(
  kubectl: Kubectl,
  pod: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, string | null>> {
  let last = '';
  for (const end = Date.now() + PRINT_MS; Date.now() < end;) {
    last = await kubectl.call(['logs', pod]).catch(() => '');
    const results = last.includes('{') ? parseResults(last).results : new Map<string, string>();
    if (names.every((name) => results.has(name))) return results;
    await sleep(POLL_MS);
  }
  demand(false, `pod ${pod} did not print its results: ${last.slice(-500)}`);
}

type Mode = 'facts' | 'features' | 'probes' | 'rare';

/** Namespaces of the host that a pod gets by mode. */
const NAMESPACES = {
  facts: { hostPID: true, hostNetwork: true },
  probes: { hostPID: true, hostNetwork: true, hostIPC: true },
  features: {},
  rare: {},
} as const;

interface GuestRequest {
  readonly nodeName: string;
  readonly mode: Mode;
  readonly names?: readonly string[];
}

/** Runs all probes, tries all features, or reads facts, in one pod on the node. */
export async function askGuest(kubectl: Kubectl, request: GuestRequest): Promise<Results> {
  const name = `${request.mode}-${randomUUID().slice(0, 8)}`;
  await createGuest(kubectl, {
    name,
    nodeName: request.nodeName,
    args: [request.mode, ...(request.names ?? [])],
    privileged: NAMESPACES[request.mode],
  });
  try {
    await kubectl.wait(['wait', `--for=jsonpath={${EXIT_CODE}}`, `pod/${name}`]);
    return parseResults(await kubectl.call(['logs', name]));
  } finally {
    await deleteGuest(kubectl, name);
  }
}

/** Returns a function that asks each node once, so that all its assertions share one pod. */
export function askedOnce(mode: Mode): (subject: Subject) => Promise<Results> {
  const runs = new WeakMap<Subject, Promise<Results>>();
  return (subject) => {
    const { kubectl, nodeName } = subject;
    const known = runs.get(subject) ?? askGuest(kubectl, { nodeName, mode });
    runs.set(subject, known);
    return known;
  };
}
