import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import type { CommandContext } from '../../workstation/command-context.ts';
import { usageError } from '../../workstation/usage-error.ts';
import { type Cluster, openCluster } from '../cluster.ts';
import { Bundle } from './bundle.ts';
import { containersOf, type Facts, factsOf } from './facts.ts';
import { Gatherer } from './gather.ts';
import {
  apiParts,
  healthPart,
  hostPart,
  kubeletParts,
  listingPart,
  logParts,
  parseListing,
  VERSION,
} from './parts.ts';
import { isOwnPod } from './reduce.ts';
import { summarise } from './summary.ts';

export interface DoctorOptions {
  readonly kubeconfig: string;
  readonly node: string;
  readonly context: string | undefined;
  /** Default: a name with node and time, in this folder. */
  readonly output: string | undefined;
  /** Seconds that one answer may take. */
  readonly timeout: number;
}

export interface Diagnosis {
  readonly file: string;
  readonly wrong: readonly string[];
}

/** RFC 1123 subdomain, as the names of nodes are. */
const NODE = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;
/** A node keeps three boots and the last that did not end in order, beside the copy of this one. */
const KEPT_BOOTS = 5;
const NOT_REACHED = 'the API server did not reach kubelet';

function checkNode(node: string): void {
  if (NODE.test(node)) return;
  throw usageError(
    `look at the node ${JSON.stringify(node)}: it is no name of a node`,
    'Name it as kubectl get nodes does.',
  );
}

/** Fails where nothing can be gathered: nobody replies, or does not know the caller. */
async function greet(gatherer: Gatherer, cluster: Cluster): Promise<void> {
  const { status } = await cluster.ask(VERSION);
  if (status === 401)
    throw new KiosError('KIOS_FLEET_API', 'ask the API server: it does not know the credentials', {
      exitCode: EXIT.permission,
      remedy: 'Log in again, or name another kubeconfig.',
    });
  await gatherer.get(VERSION);
}

/** Gathers the logs of the host from kubelet's folder of logs, as far as it shows them. */
async function gatherHost(
  node: string,
  gatherer: Gatherer,
  note: (detail: string) => void,
): Promise<void> {
  const list = async (folder: string) => {
    const part = listingPart(node, folder);
    await gatherer.get(part);
    const listing = parseListing(gatherer.files.get(part.file) ?? '');
    gatherer.drop(part.file);
    return { ...listing, files: listing.files.map((name) => `${folder}${name}`) };
  };
  const now = await list('');
  const before = now.hasBoots ? await list('boots/') : undefined;
  const files = [...now.files];
  for (const boot of before?.boots.slice(-KEPT_BOOTS) ?? [])
    files.push(...(await list(`boots/${boot}`)).files);
  await gatherer.all(files.map((name) => hostPart(node, name)), note); // prettier-ignore
}

const ownContainers = ({ pods }: Facts) =>
  pods.filter(isOwnPod).flatMap((pod) =>
    containersOf(pod).map(({ name, restartCount }) => ({
      pod: pod.metadata.name,
      name,
      hasRestarted: restartCount > 0,
    })),
  );

/** Gathers all parts. Returns whether the API server reaches kubelet. */
async function gather(
  { progress }: CommandContext,
  node: string,
  gatherer: Gatherer,
): Promise<boolean> {
  await progress.task(`ask the API server about ${node}`, (note) =>
    gatherer.all(apiParts(node), note),
  );
  return progress.task(`ask kubelet of ${node}`, async (note) => {
    note('healthz');
    const outcome = await gatherer.get(healthPart(node));
    const logs = ownContainers(factsOf(node, gatherer, true)).flatMap(logParts);
    if (outcome === 'unreachable') {
      // Each would wait as long as this one has.
      gatherer.skip([...kubeletParts(node), listingPart(node, ''), ...logs], NOT_REACHED);
      return false;
    }
    if (outcome === 'absent') {
      gatherer.skip([...kubeletParts(node), listingPart(node, '')], 'the cluster has no such node');
      return false;
    }
    await gatherer.all(kubeletParts(node), note);
    await gatherHost(node, gatherer, note);
    await gatherer.all(logs, note);
    return true;
  });
}

const stamp = (now: Date): string => now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '');

/** Gathers what the API offers about a node into an archive, and says what is wrong. */
export async function examine(context: CommandContext, options: DoctorOptions): Promise<Diagnosis> {
  const { kubeconfig, node, timeout, output } = options;
  checkNode(node);
  const name = `doctor-${node}-${stamp(new Date())}`;
  const cluster = await openCluster({
    kubeconfig,
    context: options.context,
    deadlineMs: Math.ceil(timeout * 1000),
    signal: context.signal,
  });
  const bundle = await Bundle.open(path.resolve(output ?? `${name}.tar.gz`));
  context.undo.defer(() => bundle.remove());
  const gatherer = new Gatherer(cluster);
  await greet(gatherer, cluster);
  const isReached = await gather(context, node, gatherer);
  const summary = summarise(factsOf(node, gatherer, isReached), gatherer.gathered);
  const files = new Map([
    ['summary.txt', `${summary.lines.join('\n')}\n`],
    ['parts.json', `${JSON.stringify(gatherer.gathered, undefined, 1)}\n`],
    ...gatherer.files,
  ]);
  await context.progress.task('pack the bundle', () => bundle.write(name, files));
  for (const line of summary.lines) context.print(line);
  context.print('');
  context.print(`The bundle: ${bundle.file}`);
  return { file: bundle.file, wrong: summary.wrong };
}
