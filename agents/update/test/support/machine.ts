import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';

import { RUNTIME_ENV } from '@kios/bundle/runtime-env';
import { formatState, SlotsState } from '@kios/node-state';
import { type NodeView, nodeView } from '@kios/node-turn';
import { RunningProcess, shippedRuntime } from '@kios/testkit';
import type { ControlPlane } from '@kios/testkit/control-plane';
import * as v from 'valibot';

import { FakeInit } from './fake-init.ts';
import { slots } from './given.ts';
import { smallEfi } from './small-efi.ts';

const BUNDLE = path.join(import.meta.dirname, '../../dist/agent.cjs');
const ACCOUNT = '/api/v1/namespaces/kube-system/serviceaccounts/kios-update/token';
const IMAGE = 'registry.example/none:1';

const Token = v.object({ status: v.object({ token: v.string() }) });

/** A machine in the cluster: its Node, the real agent as a process, and a stand-in for init with a partition. */
export class TestMachine implements AsyncDisposable {
  readonly name: string;
  readonly init: FakeInit;
  readonly #plane: ControlPlane;
  #agent: RunningProcess | undefined;

  private constructor(plane: ControlPlane, name: string, init: FakeInit) {
    this.#plane = plane;
    this.name = name;
    this.init = init;
  }

  static async start(plane: ControlPlane, name: string): Promise<TestMachine> {
    const init = await FakeInit.start();
    const machine = new TestMachine(plane, name, init);
    await plane.must('POST', '/api/v1/nodes', { metadata: { name } });
    await machine.#makeAccount();
    init.put(1, 'running');
    return machine;
  }

  /** Writes the token of a pod on this node, as kubelet does. */
  async #makeAccount(): Promise<void> {
    const pod = `update-${this.name}`;
    await this.#plane.must('POST', '/api/v1/namespaces/kube-system/pods', {
      metadata: { name: pod },
      spec: {
        nodeName: this.name,
        serviceAccountName: 'kios-update',
        containers: [{ name: 'c', image: IMAGE }],
      },
    });
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: pod };
    const request = { spec: { boundObjectRef, expirationSeconds: 3600 } };
    const body = await this.#plane.must('POST', ACCOUNT, request);
    const { token } = v.parse(v.pipe(v.string(), v.parseJson(), Token), body).status;
    writeFileSync(this.init.at('account/token'), token);
    writeFileSync(this.init.at('account/ca.crt'), this.#plane.ca);
  }

  /** Mounts a system into the agent's pod. Returns the digest of its file. */
  mount(version: string, kubernetes: string): string {
    const efi = smallEfi({ signed: version.length });
    const sha256 = createHash('sha256').update(efi).digest('hex');
    const arch = process.arch === 'arm64' ? 'arm64' : 'amd64';
    const record = { v: 1, version, arch, kubernetes, efi: { sha256, bytes: efi.length } };
    writeFileSync(this.init.at('os/kios.efi'), efi);
    writeFileSync(this.init.at('os/build.json'), JSON.stringify(record));
    return sha256;
  }

  /** Starts the machine: init says what runs, and the agent begins. */
  async boot(bootId: string, state: Partial<SlotsState> = {}): Promise<void> {
    await this.stop();
    writeFileSync(this.init.at('boot-id'), `${bootId}\n`);
    this.judge(state);
    const flags = [
      `--node=${this.name}`,
      `--server=${this.#plane.endpoint}`,
      `--account=${this.init.at('account')}`,
      `--boot-id=${this.init.at('boot-id')}`,
      `--socket=${this.init.at('esp.sock')}`,
      `--run=${this.init.folder}`,
      `--os=${this.init.at('os')}`,
      `--state=${this.init.at('state')}`,
      '--idle-seconds=1',
    ];
    const env = { ...process.env, ...RUNTIME_ENV, KIOS_CONSOLE: this.init.at('none.sock') };
    this.#agent = new RunningProcess(shippedRuntime(), [BUNDLE, 'run', ...flags], env);
  }

  /** Writes what init says. */
  judge(state: Partial<SlotsState>): void {
    writeFileSync(this.init.at('slots.json'), formatState(SlotsState, slots(state)));
  }

  get said(): string {
    return this.#agent?.lines.join('\n') ?? '';
  }

  async node(): Promise<NodeView> {
    const text = await this.#plane.must('GET', `/api/v1/nodes/${this.name}`);
    const object: unknown = JSON.parse(text);
    return nodeView(object);
  }

  async annotate(annotations: Readonly<Record<string, string | null>>): Promise<void> {
    await this.#plane.must('PATCH', `/api/v1/nodes/${this.name}`, { metadata: { annotations } });
  }

  async stop(): Promise<void> {
    const agent = this.#agent;
    this.#agent = undefined;
    await agent?.stop('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.init[Symbol.asyncDispose]();
  }
}
