import { startOnHost } from '../../../src/lab/debug-pod.ts';
import type { Kubectl } from '../../../src/lab/kubectl.ts';

/** The host's root as a pod in its process namespace sees it. */
const HOST = '/proc/1/root';

/** A pod in the host's namespaces that stays: a command in it takes a second or two, and a pod for each twenty. */
export class NodeShell {
  readonly #kubectl: Kubectl;
  readonly #pod: string;

  private constructor(kubectl: Kubectl, pod: string) {
    this.#kubectl = kubectl;
    this.#pod = pod;
  }

  static async open(kubectl: Kubectl, nodeName: string): Promise<NodeShell> {
    const pod = await startOnHost(kubectl, {
      nodeName,
      command: ['/bin/bun', '-e', 'setInterval(() => {}, 60_000)'],
      capabilities: ['SYS_PTRACE', 'DAC_OVERRIDE'],
    });
    await kubectl.wait(['wait', '--for=condition=Ready', `pod/${pod}`]);
    return new NodeShell(kubectl, pod);
  }

  /** Runs a script of the agents' runtime and returns what it printed. Fails when its exit code is not 0. */
  async run(script: string): Promise<string> {
    return this.#kubectl.call(['exec', this.#pod, '--', '/bin/bun', '-e', script]);
  }

  /** Returns the text of a file of the host. */
  async read(path: string): Promise<string> {
    return this.run(`process.stdout.write(require('node:fs').readFileSync('${HOST}${path}'))`);
  }

  /** Replaces a file of the host, as an operator's own pod would. */
  async write(path: string, content: string): Promise<void> {
    const file = `${HOST}${path}`;
    await this.run(`const { renameSync, writeFileSync } = require('node:fs');
      writeFileSync('${file}.tmp', ${JSON.stringify(content)});
      renameSync('${file}.tmp', '${file}');`);
  }
}
