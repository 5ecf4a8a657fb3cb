import path from 'node:path';

import * as v from 'valibot';

import type { Netns } from '../netns.ts';
import { RunningProcess } from '../running-process.ts';
import { Served, type ServeOptions } from './serve.ts';

/** Generous, because starting is slow on a busy machine. */
const READY_MS = 60_000;
const MAIN = path.join(import.meta.dirname, 'main.ts');

const Line = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ ready: v.optional(v.number()), served: v.optional(Served) }),
);

/** A running metadata service and the requests it has served. */
export class MetadataService implements AsyncDisposable {
  readonly process: RunningProcess;

  private constructor(process: RunningProcess) {
    this.process = process;
  }

  /** Starts a service, in the namespace if one is given. It listens when this returns. */
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
    return this.#lines.map(({ ready }) => ready).find((port) => port !== undefined) ?? 0;
  }

  get served(): readonly Served[] {
    return this.#lines.map(({ served }) => served).filter((served) => served !== undefined);
  }

  get #lines(): readonly v.InferOutput<typeof Line>[] {
    return this.process.lines.map((line) => v.parse(Line, line));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.stop();
  }
}
