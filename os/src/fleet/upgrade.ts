import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { EXIT, KiosError } from '@kios/errors';
import type { NodeView } from '@kios/node-turn';

import type { CommandContext } from '../workstation/command-context.ts';
import { type Cluster, openCluster } from './cluster.ts';
import { mayPass, readNode, readNodes, requireAgents } from './nodes.ts';
import {
  placeOrder,
  readWish,
  requireOthersIdle,
  type Standing,
  standingOf,
  updatedNodes,
} from './updates.ts';

const POLL_MS = 5000;
const ANSWER_MS = 30_000;

export interface UpgradeOptions {
  readonly kubeconfig: string;
  /** The reference of the system's image. */
  readonly image: string;
  /** None: all nodes on which the agents run. */
  readonly nodes: readonly string[];
  readonly maxUnavailable: number;
  /** The time in which something must happen to some node. */
  readonly stallSeconds: number;
  /** Follows the nodes to the end. */
  readonly wait: boolean;
  readonly json: boolean;
}

/** Follows nodes until all run what was ordered, or one does not. */
class Follower {
  readonly #cluster: Cluster;
  readonly #order: string;
  readonly #options: UpgradeOptions;
  readonly #context: CommandContext;
  readonly #standings = new Map<string, Standing>();
  #changedAt = Date.now();
  #isAway = false;
  #isWhole = true;

  constructor(cluster: Cluster, order: string, options: UpgradeOptions, context: CommandContext) {
    this.#cluster = cluster;
    this.#order = order;
    this.#options = options;
    this.#context = context;
  }

  get standings(): readonly (readonly [name: string, standing: Standing])[] {
    return [...this.#standings];
  }

  async run(note: (detail: string) => void): Promise<void> {
    const { signal } = this.#context;
    for (;;) {
      if ((await this.#lookAtAll()) && this.#isOver()) return;
      const open = this.standings.filter(([, { tag }]) => tag === 'open');
      note(`${this.#standings.size - open.length} of ${this.#standings.size} nodes`);
      this.#requireProgress();
      await sleep(POLL_MS, undefined, { signal });
    }
  }

  #isOver(): boolean {
    const tags = this.standings.map(([, { tag }]) => tag);
    if (tags.includes('failed')) return true;
    return this.#isWhole && tags.length > 0 && !tags.includes('open');
  }

  #requireProgress(): void {
    const { stallSeconds } = this.#options;
    if (Date.now() - this.#changedAt <= stallSeconds * 1000) return;
    const open = this.standings.filter(([, { tag }]) => tag === 'open');
    const names = open.map(([name, { says }]) => `${name}: ${says}`).join('; ');
    const why = names === '' ? 'no node runs the update agent' : names;
    throw failed(`nothing has changed for ${stallSeconds} s: ${why}`);
  }

  /** Returns false when the API server is away, as it may be when it is on a node that reboots. */
  async #lookAtAll(): Promise<boolean> {
    try {
      const views = await this.#read();
      for (const view of views) this.#judge(view);
      for (const name of this.#standings.keys())
        if (!views.some((view) => view.name === name)) this.#standings.delete(name);
      this.#isAway = false;
      return true;
    } catch (error) {
      if (!mayPass(error, this.#isAway)) throw error;
      this.#isAway = true;
      return false;
    }
  }

  /** Returns the nodes that are named, or all on which the agents run; one that is gone is none. */
  async #read(): Promise<readonly NodeView[]> {
    const { nodes } = this.#options;
    const named: NodeView[] = [];
    for (const name of nodes) named.push(await readNode(this.#cluster, name));
    if (nodes.length > 0) return named;
    const { names, isWhole } = await updatedNodes(this.#cluster);
    this.#isWhole = isWhole;
    return (await readNodes(this.#cluster)).filter(({ name }) => names.includes(name));
  }

  #judge(view: NodeView): void {
    const { name } = view;
    const standing = standingOf(view, this.#order);
    if (standing.says === this.#standings.get(name)?.says) return;
    this.#standings.set(name, standing);
    this.#changedAt = Date.now();
    this.#context.progress.info(`${name}: ${standing.says}`);
  }
}

function failed(why: string): KiosError {
  return new KiosError('KIOS_UPGRADE_FAILED', `update every node: ${why}`, {
    exitCode: EXIT.unavailable,
    remedy: 'See docs/update.md; no further node begins with a system that one came back from.',
  });
}

function report(
  { print }: CommandContext,
  { json, image }: UpgradeOptions,
  standings: Follower['standings'],
): void {
  if (json) {
    const nodes = standings.map(([node, { tag, says }]) => ({ node, result: tag, says }));
    print(JSON.stringify({ image, nodes }));
    return;
  }
  for (const [name, { says }] of standings) print(`${name}  ${says}`);
}

/** `kios upgrade`: says which system the nodes are to run, which their agents carry out, and follows them. */
export async function upgrade(context: CommandContext, options: UpgradeOptions): Promise<void> {
  const { progress, signal, undo, print } = context;
  const { kubeconfig, image, nodes, maxUnavailable } = options;
  const cluster = await openCluster({ kubeconfig, deadlineMs: ANSWER_MS, signal });
  await requireAgents(cluster);
  const wish = await readWish(cluster);
  for (const name of nodes) await readNode(cluster, name);
  if (nodes.length > 0) requireOthersIdle(nodes, await readNodes(cluster));
  const id = randomUUID();
  await placeOrder(cluster, { id, image, nodes, maxUnavailable }, wish);
  if (!options.wait)
    return options.json
      ? report(context, options, [])
      : print(`${image} is ordered; before it was ${wish.image}`);
  undo.defer(() => {
    if (signal.aborted)
      progress.info(`The roll-out goes on. To turn it: ./kios upgrade KUBECONFIG ${wish.image}`);
  });
  const follower = new Follower(cluster, id, options, context);
  await progress.task(`update to ${image}`, (note) => follower.run(note));
  report(context, options, follower.standings);
  const lost = follower.standings.filter(([, { tag }]) => tag !== 'done');
  if (lost.length === 0) return;
  throw failed(lost.map(([name, { says }]) => `${name}: ${says}`).join('; '));
}
