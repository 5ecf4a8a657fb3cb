import { spawn } from 'node:child_process';
import { constants } from 'node:os';

import { EXIT, KiosError } from '@kios/errors';

import { buildUpstream } from '../build/sources/upstream/build.ts';
import { workstationArch } from '../workstation/arch.ts';
import { silent } from '../workstation/progress.ts';
import { run, type RunOptions } from '../workstation/run.ts';

const CALL_DEADLINE_MS = 120_000;
/** An emulated node takes minutes to start a pod. */
const WAIT_S = 300;
/** What kubectl takes to start and to end by itself. */
const GRACE_S = 20;

async function kubectlProgram(): Promise<string> {
  const built = (await buildUpstream(['kubectl'], workstationArch(), silent)).get('kubectl');
  if (built === undefined) throw new Error('the build of kubectl returned nothing');
  return built.path;
}

/** The administrator's kubectl for one cluster. Its failures have kubectl's output. */
export class Kubectl {
  readonly #program: string;
  readonly #kubeconfig: string;

  private constructor(program: string, kubeconfig: string) {
    this.#program = program;
    this.#kubeconfig = kubeconfig;
  }

  static async open(kubeconfig: string): Promise<Kubectl> {
    return new Kubectl(await kubectlProgram(), kubeconfig);
  }

  async call(args: readonly string[], options: RunOptions = {}): Promise<string> {
    return run(this.#program, ['--kubeconfig', this.#kubeconfig, ...args], {
      timeoutMs: CALL_DEADLINE_MS,
      ...options,
    });
  }

  /** Returns the object that `get … -o json` prints. */
  async get(...args: string[]): Promise<unknown> {
    return JSON.parse(await this.call(['get', ...args, '-o', 'json'])) as unknown;
  }

  /** Runs a verb that waits, such as `wait`, `delete` or `rollout status`, for at most so many seconds. */
  async wait(args: readonly string[], seconds = WAIT_S): Promise<string> {
    return this.call([...args, `--timeout=${seconds}s`], { timeoutMs: (seconds + GRACE_S) * 1000 });
  }

  /** Checks that the node is registered and Ready; false also while the API server does not reply. */
  async isReady(node: string): Promise<boolean> {
    const path = '{.status.conditions[?(@.type=="Ready")].status}';
    const args = ['get', 'node', node, '-o', `jsonpath=${path}`, '--request-timeout=5s'];
    return this.call(args).then(
      (status) => status.trim() === 'True',
      () => false,
    );
  }
}

/** Runs kubectl on this terminal as administrator of the lab cluster, and returns its exit code. */
export async function kubectlInteractive(args: readonly string[]): Promise<number> {
  const { controlPlaneKubeconfig } = await import('./cluster.ts');
  const kubeconfig = await controlPlaneKubeconfig();
  const program = await kubectlProgram();
  const child = spawn(program, ['--kubeconfig', kubeconfig, ...args], { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.once('error', (cause) =>
      reject(new KiosError('KIOS_COMMAND', 'run kubectl', { cause, exitCode: EXIT.system })),
    );
    child.once('exit', (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
}
