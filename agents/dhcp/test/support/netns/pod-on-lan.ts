import { mkdir } from 'node:fs/promises';
import path from 'node:path';

import { Netns, type RunningProcess } from '@kios/testkit';
import { expect } from 'vitest';

import { addressesOf, macOf } from './agent.ts';
import { callPlugin, NEIGHBOUR, reaches } from './lan-host.ts';
import type { Scene } from './scene.ts';

async function checkPod({ client }: Scene, pod: Netns, address: string): Promise<void> {
  expect(await addressesOf(pod)).toEqual([address]);
  expect(await macOf(client, 'br0')).toBe(await macOf(client, 'eth0'));
  expect(await reaches(pod, NEIGHBOUR)).toBe(true);
}

/** A pod with an address of the segment, on the machine of a scene. */
export class PodOnLan implements AsyncDisposable {
  readonly #scene: Scene;
  readonly #netns: Netns;
  readonly #address: string;

  private constructor(scene: Scene, netns: Netns, address: string) {
    this.#scene = scene;
    this.#netns = netns;
    this.#address = address;
  }

  /** Flags for an agent that pods can ask. */
  static async prepare({ machine }: Scene): Promise<string[]> {
    const run = path.join(machine.folder, 'kios');
    await mkdir(run, { recursive: true });
    return [`--lan-dir=${run}/lan`];
  }

  static async start(scene: Scene, daemon: RunningProcess): Promise<PodOnLan> {
    await daemon.expect('pods.serve');
    const netns = await Netns.open('pod');
    const run = path.join(scene.machine.folder, 'kios');
    await callPlugin(scene.client, run, 'ADD', { netns, name: 'web-0', container: 'c1' });
    const [address = ''] = await addressesOf(netns);
    return new PodOnLan(scene, netns, address);
  }

  /** Fails unless the pod has its first address, by which it reaches the segment, and the bridge the card's MAC. */
  async check(): Promise<void> {
    await checkPod(this.#scene, this.#netns, this.#address);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#netns[Symbol.asyncDispose]();
  }
}
