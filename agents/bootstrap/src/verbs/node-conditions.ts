import path from 'node:path';

import { backoff } from '@kios/agent';
import { readStateIfThere, TimeState } from '@kios/node-state';

import type { NodeObject } from '../core/cluster/api-objects.ts';
import {
  clockCondition,
  type ConditionPatch,
  planConditions,
  stateCondition,
  type Wanted,
} from '../core/cluster/node-conditions.ts';
import type { Settings } from '../core/settings/settings.ts';
import type { KubeClient } from '../edge/cluster/kube-client.ts';
import { bootSeconds, readHost } from '../edge/node/host.ts';
import { isNoAnswer } from './cluster-view.ts';
import type { JoinContext } from './context.ts';

/** The API server's whole seconds, which are cut off. */
const ROUNDING_MS = 1000;

async function readConditions(settings: Settings): Promise<readonly Wanted[]> {
  const host = await readHost(settings);
  const file = path.join(settings.run, 'time/state.json');
  const time = await readStateIfThere(TimeState, file).catch(() => undefined);
  const clock = clockCondition(time);
  return host === undefined ? [clock] : [stateCondition(host), clock];
}

/**
 * Keeps the conditions `StateInMemory` and `ClockSynchronized` of this node, and those of its faults, which only its
 * kubelet's identity may write. Kubelet merges its own conditions by their types, so they stay beside these.
 */
export class NodeConditions {
  readonly #context: JoinContext;
  readonly #pause = backoff({ firstMs: 5000, maxMs: 600_000 });
  /** CLOCK_BOOTTIME in seconds, before which refused conditions are not sent again. */
  #nextTry = 0;

  constructor(context: JoinContext) {
    this.#context = context;
  }

  /** Sets the conditions that this Node, as it was just read, lacks. */
  async keep(kube: KubeClient, name: string, node: NodeObject): Promise<void> {
    const up = await bootSeconds();
    if (up < this.#nextTry) return;
    const { settings, board } = this.#context;
    const wanted = [...(await readConditions(settings)), ...(board?.conditions ?? [])];
    const now = Date.now();
    const bootedAt = now - up * 1000 - ROUNDING_MS;
    const patches = planConditions(node, wanted, new Date(now).toISOString(), bootedAt);
    if (patches.length > 0) await this.#send(kube, name, patches, up);
  }

  async #send(
    kube: KubeClient,
    name: string,
    patches: readonly ConditionPatch[],
    up: number,
  ): Promise<void> {
    const { log } = this.#context;
    try {
      await kube.addConditions(name, patches);
      this.#pause.reset();
      for (const { type, status, reason } of patches)
        log.info({ ev: 'condition.set', type, status, reason });
    } catch (err) {
      if (!isNoAnswer(err)) throw err;
      this.#nextTry = up + this.#pause.next() / 1000;
      log.info({ ev: 'condition.refused', types: patches.map(({ type }) => type), err });
    }
  }
}
