import { rm } from 'node:fs/promises';

import type { Lan, Netns } from '@kios/testkit';

import { type Machine, reboot } from './agent.ts';

/** A machine, a server and a neighbour on one network, whatever is served there. */
export abstract class LanScene implements AsyncDisposable {
  readonly machine: Machine;
  readonly #lan: Lan;
  /** File or folder of the machine's state with which it remembers its address. */
  readonly #memory: string;

  protected constructor(lan: Lan, machine: Machine, memory: string) {
    this.#lan = lan;
    this.machine = machine;
    this.#memory = memory;
  }

  get client(): Netns {
    return this.#lan.client;
  }

  get server(): Netns {
    return this.#lan.server;
  }

  get neighbour(): Netns {
    return this.#lan.neighbour;
  }

  async reboot(): Promise<void> {
    await reboot(this.#lan, this.machine);
  }

  /** Reboots a machine whose disk was wiped. */
  async forgetMachine(): Promise<void> {
    await this.reboot();
    await rm(this.machine.stateFile(this.#memory), { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lan[Symbol.asyncDispose]();
  }
}
