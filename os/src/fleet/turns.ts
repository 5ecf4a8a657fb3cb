import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { EXIT, KiosError } from '@kios/errors';
import { type Action, type NodeView, REQUESTS } from '@kios/node-turn';

import type { CommandContext } from '../workstation/command-context.ts';
import { type Cluster, openCluster } from './cluster.ts';
import { Followed, isUnbegun, newOrder, type Order } from './follow.ts';
import { mayPass, patchNode, readNode, requireAgents, requireIdle } from './nodes.ts';

const POLL_MS = 2000;
const ANSWER_MS = 30_000;
/** An API server on a node that reboots is away for as long as the boot may take, and any other for this. */
const SILENCE_MS = 300_000;
const WRITES = 5;

export interface TurnOptions {
  readonly action: Action;
  readonly kubeconfig: string;
  readonly nodes: readonly string[];
  readonly maxUnavailable: number;
  readonly waitSeconds: number;
  readonly drainSeconds: number;
  readonly bootSeconds: number;
  readonly force: boolean;
  /** Follows the nodes to the end. */
  readonly wait: boolean;
  readonly json: boolean;
}

const WORDS = { reboot: 'reboot', poweroff: 'power off' } as const;

/** Changes a node by what it is now; again when others were quicker. Undefined: nothing is to be changed. */
async function change(
  cluster: Cluster,
  name: string,
  valueOf: (node: NodeView) => string | null | undefined,
  action: Action,
): Promise<void> {
  for (let writes = 0; writes < WRITES; writes++) {
    const node = await readNode(cluster, name);
    const value = valueOf(node);
    if (value === undefined) return;
    const annotations = { [REQUESTS[action]]: value };
    if (await patchNode(cluster, name, { resourceVersion: node.resourceVersion, annotations }))
      return;
  }
  throw new KiosError('KIOS_FLEET_API', `change node ${name}: others change it all the time`, {
    exitCode: EXIT.unavailable,
    remedy: 'Run the command again.',
  });
}

const isGone = (error: unknown): boolean =>
  error instanceof KiosError && error.code === 'KIOS_TURN_NODE';

/** Takes back what no agent has begun. */
async function withdraw(cluster: Cluster, name: string, order: Order): Promise<void> {
  const valueOf = (node: NodeView): null | undefined => (isUnbegun(node, order) ? null : undefined);
  try {
    await change(cluster, name, valueOf, order.action);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/** Places the requests: all of them, or none. `lasting` is the same cluster, also when the command is interrupted. */
async function place(
  cluster: Cluster,
  lasting: Cluster,
  nodes: readonly string[],
  order: Order,
): Promise<void> {
  for (const name of nodes) requireIdle(await readNode(cluster, name));
  const valueOf = (node: NodeView): string => {
    requireIdle(node);
    return order.text;
  };
  const tried: string[] = [];
  try {
    for (const name of nodes) {
      // Before the call: when its answer is lost, the request may be there all the same.
      tried.push(name);
      await change(cluster, name, valueOf, order.action);
    }
  } catch (error) {
    await Promise.allSettled(tried.map((name) => withdraw(lasting, name, order)));
    throw error;
  }
}

/** Reads a node; undefined when the cluster has it no longer. */
async function readIfThere(cluster: Cluster, name: string): Promise<NodeView | undefined> {
  try {
    return await readNode(cluster, name);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Follows nodes until each is done or has failed. After a failure no further node begins. */
class Follower {
  readonly #cluster: Cluster;
  readonly #order: Order;
  readonly #context: CommandContext;
  readonly nodes: readonly Followed[];
  #heardAt = Date.now();
  #isAway = false;
  #isStopped = false;

  constructor(cluster: Cluster, order: Order, names: readonly string[], context: CommandContext) {
    this.#cluster = cluster;
    this.#order = order;
    this.#context = context;
    this.nodes = names.map((name) => new Followed(name, order, Date.now()));
  }

  async run(note: (detail: string) => void): Promise<void> {
    const { signal } = this.#context;
    for (;;) {
      const isHeard = await this.#lookAtAll();
      const open = this.nodes.filter(({ isOver }) => !isOver);
      // What could not be taken back is tried again.
      if (isHeard && open.length === 0) return;
      note(open.map(({ name, standing }) => `${name} ${standing.says}`).join('; '));
      await sleep(POLL_MS, undefined, { signal });
    }
  }

  /** Returns false when the API server is away, which is borne for a while. */
  async #lookAtAll(): Promise<boolean> {
    try {
      for (const node of this.nodes) if (!node.isOver) await this.#look(node);
      await this.#stopAfterFailure();
      this.#heardAt = Date.now();
      this.#isAway = false;
      return true;
    } catch (error) {
      if (!this.#bears(error)) throw error;
      this.#isAway = true;
      return false;
    }
  }

  #bears(error: unknown): boolean {
    if (!mayPass(error, this.#isAway)) return false;
    const limitMs = Math.max(SILENCE_MS, this.#order.limits.stopping);
    return Date.now() - this.#heardAt <= limitMs;
  }

  async #look(node: Followed): Promise<void> {
    const view = await readIfThere(this.#cluster, node.name);
    if (view === undefined) node.fail('the cluster has it no longer');
    else if (node.see(view, Date.now()))
      this.#context.progress.info(`${node.name}: ${node.standing.says}`);
  }

  async #stopAfterFailure(): Promise<void> {
    if (this.#isStopped || !this.nodes.some(({ standing }) => standing.tag === 'failed')) return;
    // Also of nodes that have failed: one that nobody has answered for would reboot when its agent comes.
    for (const { name } of this.nodes) await withdraw(this.#cluster, name, this.#order);
    this.#isStopped = true;
  }
}

function report(
  { print }: CommandContext,
  { json, action }: TurnOptions,
  nodes: readonly Followed[],
): void {
  if (json) {
    const results = nodes.map(({ name, standing: { tag, says } }) => ({
      node: name,
      result: tag,
      says,
    }));
    print(JSON.stringify({ action, nodes: results }));
    return;
  }
  for (const { name, standing } of nodes) print(`${name}  ${standing.says}`);
}

function requireDone(action: Action, nodes: readonly Followed[]): void {
  const failed = nodes.filter(({ standing }) => standing.tag !== 'done');
  if (failed.length === 0) return;
  const why = failed.map(({ name, standing }) => `${name}: ${standing.says}`).join('; ');
  throw new KiosError('KIOS_TURN_FAILED', `${WORDS[action]} every node: ${why}`, {
    exitCode: EXIT.unavailable,
    remedy: 'Remove what the message names, then run the command again for these nodes.',
  });
}

const orderOf = (options: TurnOptions): Order => {
  const { action, maxUnavailable, waitSeconds, drainSeconds, bootSeconds, force } = options;
  const wanted = { id: randomUUID(), maxUnavailable, waitSeconds, drainSeconds };
  return newOrder(action, force ? { ...wanted, force } : wanted, {
    waiting: waitSeconds * 1000,
    draining: drainSeconds * 1000,
    stopping: bootSeconds * 1000,
  });
};

/** `kios reboot` and `kios poweroff`: places the requests, which agents on the nodes fulfil, and follows them. */
export async function takeTurns(context: CommandContext, options: TurnOptions): Promise<void> {
  const { progress, signal, undo, print } = context;
  const { action } = options;
  const nodes = [...new Set(options.nodes)];
  const { kubeconfig } = options;
  const open = async (until: AbortSignal): Promise<Cluster> =>
    openCluster({ kubeconfig, deadlineMs: ANSWER_MS, signal: until });
  const cluster = await open(signal);
  await requireAgents(cluster);
  const order = orderOf(options);
  await place(cluster, await open(new AbortController().signal), nodes, order);
  if (!options.wait) return nodes.forEach((name) => print(`${name}  is asked`));
  undo.defer(() => {
    if (signal.aborted)
      progress.info(
        `The requests stay. To take one back: kubectl annotate node NAME ${REQUESTS[action]}-`,
      );
  });
  const follower = new Follower(cluster, order, nodes, context);
  await progress.task(`${WORDS[action]} ${nodes.join(', ')}`, (note) => follower.run(note));
  report(context, options, follower.nodes);
  requireDone(action, follower.nodes);
}
