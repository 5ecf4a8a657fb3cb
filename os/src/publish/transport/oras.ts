import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import { execa } from 'execa';

import type { Target } from '../target.ts';
import { failureOf } from './failures.ts';
import { watchTraffic } from './watch.ts';

export interface OrasOptions {
  /** The program. */
  readonly file: string;
  readonly target: Target;
  /** Folder that arguments name files in. */
  readonly cwd: string;
  /** Certificates of the registry's authority. */
  readonly ca: string | undefined;
  readonly signal: AbortSignal;
  /** Milliseconds without a byte in either direction after which a transfer has failed. */
  readonly stallMs?: number;
  /** Called with the bytes that went out since the last call. */
  readonly onBytes?: (bytes: number) => void;
  /** Called with the short digest of each blob and manifest that was sent. */
  readonly onSent?: (digest: string) => void;
}

/** Which registries a command of oras speaks to: `from` and `to` where it knows two. */
type Sides = readonly ('' | 'from-' | 'to-')[];

const STALL_MS = 180_000;
/** Lines of oras about a blob that the registry did not have. */
const SENT = /^(?:Copied|Uploaded)\s+([0-9a-f]{12}) /;

/** Variables that name files, which oras would look for in its own folder. */
const FILES = ['DOCKER_CONFIG', 'REGISTRY_AUTH_FILE', 'SSL_CERT_FILE', 'SSL_CERT_DIR'] as const;

const absoluteFiles = (): Record<string, string> =>
  Object.fromEntries(
    FILES.flatMap((name) => {
      const value = process.env[name];
      return value === undefined || value === '' ? [] : [[name, path.resolve(value)]];
    }),
  );

interface Ended {
  readonly failed: boolean;
  readonly stdout: string;
  /** Standard output and standard error. */
  readonly output: string;
  /** Whether it was killed because nothing moved. */
  readonly stalled: boolean;
}

/**
 * Runs oras, which reads credentials where Docker keeps them (`DOCKER_CONFIG`, `~/.docker/config.json`, and the helpers
 * that it names). None is ever an argument, and nothing that oras says is shown before secrets are taken out of it.
 */
export class Oras {
  readonly #options: OrasOptions;

  constructor(options: OrasOptions) {
    this.#options = options;
  }

  #flags(sides: Sides): string[] {
    const { ca } = this.#options;
    // Podman's and Skopeo's variable for a file of the same form.
    const config = absoluteFiles()['REGISTRY_AUTH_FILE'];
    return sides.flatMap((side) => [
      ...(ca === undefined ? [] : [`--${side}ca-file=${ca}`, `--${side}plain-http=false`]),
      ...(config === undefined ? [] : [`--${side}registry-config=${config}`]),
    ]);
  }

  async #end(args: readonly string[]): Promise<Ended> {
    const { file, cwd, signal, stallMs = STALL_MS, onBytes = () => {}, onSent } = this.#options;
    const child = execa(file, args, {
      cwd,
      env: absoluteFiles(),
      reject: false,
      stdin: 'ignore',
      all: true,
      cancelSignal: signal,
    });
    let stalled = false;
    const onStall = (): void => {
      stalled = true;
      child.kill('SIGKILL');
    };
    using watched = new DisposableStack();
    watched.use(watchTraffic(child.pid ?? -1, { stallMs, onStall, onBytes }));
    for await (const line of child.iterable({ from: 'all' })) {
      const sent = SENT.exec(line)?.[1];
      if (sent !== undefined) onSent?.(sent);
    }
    const { failed, stdout, all, shortMessage } = await child;
    return { failed, stdout, output: all === '' ? (shortMessage ?? '') : all, stalled };
  }

  /** Runs a command to its end. Returns its output; undefined when the registry has no such thing. */
  async tryRun(
    what: string,
    command: readonly string[],
    sides: Sides = [''],
  ): Promise<string | undefined> {
    const { target, signal } = this.#options;
    const { failed, stdout, output, stalled } = await this.#end([
      ...command,
      ...this.#flags(sides),
    ]);
    if (!failed) return stdout;
    signal.throwIfAborted();
    if (stalled)
      throw new KiosError('KIOS_PUBLISH', `${what}: the registry stopped replying`, {
        exitCode: EXIT.unavailable,
        remedy: 'Run the command again: what was sent is not sent twice.',
      });
    if (/: not found\s*$/i.test(output)) return undefined;
    throw failureOf(target, what, output);
  }

  /** Runs a command that needs what it names. */
  async run(what: string, command: readonly string[], sides: Sides = ['']): Promise<string> {
    const output = await this.tryRun(what, command, sides);
    if (output !== undefined) return output;
    throw failureOf(this.#options.target, what, 'Error: not found');
  }
}
