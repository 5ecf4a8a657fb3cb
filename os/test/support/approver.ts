import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

import { repository } from '../../src/workstation/paths.ts';

/** A line of the approver. */
export interface Said {
  readonly ev: string;
  readonly [field: string]: unknown;
}

const isSaid = (value: unknown): value is Said =>
  typeof value === 'object' && value !== null && 'ev' in value && typeof value.ev === 'string';

const POLL_MS = 200;

/** The approver of `examples/attestation`, as its README starts it on a workstation. */
export class ApproverProcess implements Disposable {
  readonly said: Said[] = [];
  readonly #dir: string;
  readonly #child: ChildProcessByStdio<null, Readable, null>;

  private constructor(dir: string, kubeconfig: string) {
    this.#dir = dir;
    const main = path.join(repository, 'examples/attestation/src/main.ts');
    const lists = ['--systems', this.#systems, '--machines', this.#machines];
    this.#child = spawn(process.execPath, [main, ...lists], {
      env: { ...process.env, KUBECONFIG: kubeconfig },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const value: unknown = JSON.parse(line);
      if (isSaid(value)) this.said.push(value);
    });
  }

  /** Starts it with the systems of these `build.json` files, and no machine. */
  static async start(
    dir: string,
    kubeconfig: string,
    builds: readonly string[],
  ): Promise<ApproverProcess> {
    await mkdir(path.join(dir, 'systems'), { recursive: true });
    for (const [index, text] of builds.entries())
      await writeFile(path.join(dir, 'systems', `${index}.json`), text);
    await writeFile(path.join(dir, 'machines.yaml'), '{}');
    return new ApproverProcess(dir, kubeconfig);
  }

  [Symbol.dispose](): void {
    this.#child.kill();
  }

  get #systems(): string {
    return path.join(this.#dir, 'systems');
  }

  get #machines(): string {
    return path.join(this.#dir, 'machines.yaml');
  }

  /** Puts machines on the list, by the names of their nodes. */
  async list(machines: Readonly<Record<string, unknown>>): Promise<void> {
    await writeFile(this.#machines, JSON.stringify(machines));
  }

  /** Waits for a line of this event, behind the first `from`. */
  async expect(ev: string, deadlineMs: number, from = 0): Promise<Said> {
    const end = performance.now() + deadlineMs;
    for (;;) {
      const found = this.said.slice(from).find((line) => line.ev === ev);
      if (found !== undefined) return found;
      if (performance.now() >= end)
        throw new Error(`the approver did not say ${ev}: ${JSON.stringify(this.said.slice(-3))}`);
      await sleep(POLL_MS);
    }
  }
}
