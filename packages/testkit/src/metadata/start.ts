import path from 'node:path';

import * as v from 'valibot';

import type { Netns } from '../netns.ts';
import { RunningProcess } from '../running-process.ts';
import { Served, type ServeOptions } from './serve.ts';

/** Starting takes a moment; on a machine with all its processors taken, many. */
const READY_MS = 60_000;
const MAIN = path.join(import.meta.dirname, 'main.ts');

const Line = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ ready: v.optional(v.number()), served: v.optional(Served) }),
);

/** A metadata service that runs, and what it was asked so far. */
export class MetadataService implements AsyncDisposable {
  readonly process: RunningProcess;

  private constructor(process: RunningProcess) {
    this.process = process;
  }

  /** Listening when this returns; in the namespace, or here when there is none. */
  static async start(options: ServeOptions, netns?: Netns): Promise<MetadataService> {
    const args = [MAIN, JSON.stringify(options)];
    const started =
      netns === undefined
        ? new RunningProcess(process.execPath, args)
        : netns.start(process.execPath, args);
    const service = new MetadataService(started);
    await started.expect('"ready"', READY_MS);
    return service;
  }

  get port(): number {
    return this.#said.map(({ ready }) => ready).find((port) => port !== undefined) ?? 0;
  }

  get served(): readonly Served[] {
    return this.#said.map(({ served }) => served).filter((served) => served !== undefined);
  }

  get #said(): readonly v.InferOutput<typeof Line>[] {
    return this.process.lines.map((line) => v.parse(Line, line));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.stop();
  }
}
