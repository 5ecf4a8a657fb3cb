import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { RUNTIME_ENV } from '@kios/bundle/runtime-env';
import { interpret } from '@kios/host-api';
import { type NodeView, nodeView } from '@kios/node-turn';
import { RunningProcess, shippedRuntime } from '@kios/testkit';
import type { ControlPlane } from '@kios/testkit/control-plane';
import * as v from 'valibot';

const BUNDLE = path.join(import.meta.dirname, '../../dist/agent.cjs');
const ACCOUNT = '/api/v1/namespaces/kube-system/serviceaccounts/kios-lifecycle/token';
const IMAGE = 'registry.example/none:1';

/** What an agent logs when it has changed something. */
const ACTS = /"ev":"(?:turn|place|pod|host)\./;

const Token = v.object({ status: v.object({ token: v.string() }) });
const Pods = v.object({
  items: v.array(
    v.object({
      metadata: v.object({
        name: v.string(),
        namespace: v.string(),
        deletionTimestamp: v.optional(v.string()),
      }),
    }),
  ),
});

/**
 * A machine in the cluster: its Node, the real agent as a process, a stand-in for init that takes the command, and one
 * for kubelet that lets pods go and reports the boot. Neither runs a pod.
 */
export class TestMachine implements AsyncDisposable {
  readonly name: string;
  readonly folder: string;
  readonly #plane: ControlPlane;
  readonly #flags: readonly string[];
  #server: Server | undefined;
  #agent: RunningProcess | undefined;
  #kubelet: NodeJS.Timeout | undefined;
  #isLooking = false;
  #isStopping = false;
  /** What ends an agent, one after another. */
  #last: Promise<void> = Promise.resolve();
  #isEnded = false;
  boots = 1;
  readonly commands: string[] = [];

  private constructor(plane: ControlPlane, name: string, folder: string, flags: readonly string[]) {
    this.#plane = plane;
    this.name = name;
    this.folder = folder;
    this.#flags = flags;
  }

  static async start(
    plane: ControlPlane,
    name: string,
    flags: readonly string[] = [],
  ): Promise<TestMachine> {
    const folder = await mkdtemp(path.join(tmpdir(), 'kios-machine-'));
    const machine = new TestMachine(plane, name, folder, flags);
    await plane.must('POST', '/api/v1/nodes', { metadata: { name } });
    await machine.#report();
    await machine.#makeAccount();
    await machine.#listen();
    machine.#kubelet = setInterval(() => void machine.#look(), 300);
    machine.startAgent();
    return machine;
  }

  get #bootId(): string {
    return `${this.name}-boot-${this.boots}`;
  }

  get agent(): RunningProcess {
    if (this.#agent === undefined) throw new Error(`no agent runs on ${this.name}`);
    return this.#agent;
  }

  at(file: string): string {
    return path.join(this.folder, file);
  }

  /** Writes the token of a pod on this node, as kubelet does. */
  async #makeAccount(): Promise<void> {
    const pod = `lifecycle-${this.name}`;
    await this.#plane.must('POST', '/api/v1/namespaces/kube-system/pods', {
      metadata: {
        name: pod,
        labels: { app: 'kios-lifecycle' },
        ownerReferences: [
          { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'd', uid: 'd', controller: true },
        ],
      },
      spec: {
        nodeName: this.name,
        serviceAccountName: 'kios-lifecycle',
        containers: [{ name: 'c', image: IMAGE }],
      },
    });
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: pod };
    const request = { spec: { boundObjectRef, expirationSeconds: 3600 } };
    const body = await this.#plane.must('POST', ACCOUNT, request);
    mkdirSync(this.at('account'));
    writeFileSync(
      this.at('account/token'),
      v.parse(v.pipe(v.string(), v.parseJson(), Token), body).status.token,
    );
    writeFileSync(this.at('account/ca.crt'), this.#plane.ca);
    writeFileSync(this.at('boot-id'), `${this.#bootId}\n`);
  }

  async #listen(): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      const chunks: Buffer[] = [];
      socket.on('error', () => {}).on('data', (chunk: Buffer) => chunks.push(chunk));
      socket.on('end', () => {
        socket.end();
        const { commands } = interpret('shutdown', Buffer.concat(chunks));
        for (const command of commands) this.commands.push(command);
        // Like init, which does not stop twice.
        if (commands.includes('reboot') && !this.#isStopping) void this.#reboot();
      });
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(this.at('shutdown.sock'), resolve);
    await promise;
    this.#server = server;
  }

  startAgent(): void {
    if (this.#isEnded) return;
    const flags = [
      `--node=${this.name}`,
      `--server=${this.#plane.endpoint}`,
      `--account=${this.at('account')}`,
      `--boot-id=${this.at('boot-id')}`,
      `--socket=${this.at('shutdown.sock')}`,
      `--platform=${this.folder}`,
      `--resolv-conf=${this.at('resolv.conf')}`,
      '--idle-seconds=1',
      '--busy-seconds=1',
      ...this.#flags,
    ];
    const env = { ...process.env, ...RUNTIME_ENV, KIOS_CONSOLE: this.at('no-console.sock') };
    this.#agent = new RunningProcess(shippedRuntime(), [BUNDLE, 'watch', ...flags], env);
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const next = this.#last.then(work);
    this.#last = next.catch(() => {});
    await next;
  }

  async #endAgent(): Promise<void> {
    const agent = this.#agent;
    this.#agent = undefined;
    await agent?.stop('SIGKILL');
  }

  /** Kills the agent once it has done something, wherever it is then, and starts another one. */
  async killAgent(): Promise<void> {
    await this.#inTurn(async () => {
      // One that is killed before its first step each time would never come further.
      const hasActed = this.#agent?.lines.some((line) => ACTS.test(line));
      if (hasActed !== true) return;
      await this.#endAgent();
      this.startAgent();
    });
  }

  /** The machine starts again: the agent dies with it, and kubelet reports another boot a moment later. */
  async #reboot(): Promise<void> {
    this.#isStopping = true;
    await this.#inTurn(async () => {
      await this.#endAgent();
      this.boots += 1;
      writeFileSync(this.at('boot-id'), `${this.#bootId}\n`);
      this.#isStopping = false;
      this.startAgent();
      await this.#report();
    });
  }

  /** Reports what kubelet would. */
  async #report(): Promise<void> {
    const conditions = [{ type: 'Ready', status: 'True', reason: 'Test', message: 'by hand' }];
    await this.#plane.must('PATCH', `/api/v1/nodes/${this.name}/status`, {
      status: { conditions, nodeInfo: { bootID: this.#bootId } },
    });
  }

  /** Lets pods go that are to be deleted. */
  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const where = `/api/v1/pods?fieldSelector=spec.nodeName%3D${this.name}`;
      const body = await this.#plane.must('GET', where);
      for (const { metadata } of v.parse(v.pipe(v.string(), v.parseJson(), Pods), body).items) {
        const { namespace, name, deletionTimestamp } = metadata;
        if (deletionTimestamp !== undefined)
          await this.#plane.call('DELETE', `/api/v1/namespaces/${namespace}/pods/${name}`, {
            gracePeriodSeconds: 0,
          });
      }
    } catch {
      // The control plane ends before this machine.
    } finally {
      this.#isLooking = false;
    }
  }

  async node(): Promise<NodeView> {
    const object: unknown = JSON.parse(await this.#plane.must('GET', `/api/v1/nodes/${this.name}`));
    return nodeView(object);
  }

  async annotate(annotations: Readonly<Record<string, string | null>>): Promise<void> {
    await this.#plane.must('PATCH', `/api/v1/nodes/${this.name}`, { metadata: { annotations } });
  }

  /** Makes a running pod of a ReplicaSet on this node. */
  async run(name: string, labels: Readonly<Record<string, string>> = {}): Promise<void> {
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'r', uid: 'r' };
    await this.#plane.must('POST', '/api/v1/namespaces/default/pods', {
      metadata: { name, labels, ownerReferences: [{ ...owner, controller: true }] },
      spec: {
        nodeName: this.name,
        automountServiceAccountToken: false,
        containers: [{ name: 'c', image: IMAGE }],
      },
    });
    await this.#plane.must('PATCH', `/api/v1/namespaces/default/pods/${name}/status`, {
      status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnded = true;
    clearInterval(this.#kubelet);
    await this.#last;
    await this.#endAgent();
    this.#server?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
