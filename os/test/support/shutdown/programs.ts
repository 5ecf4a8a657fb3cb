import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { RunningProcess } from '@kios/testkit';
import * as v from 'valibot';

import { buildEnvironment, inTurn } from '../../../src/build/sources/upstream/build.ts';
import { ensureGo } from '../../../src/build/sources/upstream/go-toolchain.ts';
import { workstationArch } from '../../../src/workstation/arch.ts';
import { cached, cacheKey } from '../../../src/workstation/cache.ts';
import { repository } from '../../../src/workstation/paths.ts';
import { silent } from '../../../src/workstation/progress.ts';
import { run } from '../../../src/workstation/run.ts';

/** Kubelet's module, and the program here that runs its shutdown manager. */
const UPSTREAM = path.join(repository, 'os/upstream/kubernetes');
const KUBELET = path.join(import.meta.dirname, 'kubelet/main.go');
const BUILD = ['build', '-v', '-mod=readonly', '-trimpath', '-ldflags=-s -w'] as const;

export interface ShutdownPrograms {
  /** Kubelet's shutdown manager. */
  readonly kubelet: string;
  /** Init's login1. */
  readonly stand: string;
}

/** Builds kubelet's shutdown manager with kubelet's own settings, and init's side of it into `dir`. */
export async function buildShutdownPrograms(dir: string): Promise<ShutdownPrograms> {
  const go = await ensureGo(silent);
  const env = buildEnvironment(workstationArch(), undefined);
  const files = [path.join(UPSTREAM, 'go.mod'), path.join(UPSTREAM, 'go.sum'), KUBELET];
  const sources = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  const version = await run(go, ['version'], { env: { GOTOOLCHAIN: 'local' } });
  const key = cacheKey(version.trim(), env, BUILD, sources);
  const built = await cached('upstream', `shutdown-${key}`, (into) =>
    inTurn(async () => {
      const out = path.join(into, 'kubelet');
      await run(go, [...BUILD, '-o', out, KUBELET], { cwd: UPSTREAM, env });
    }),
  );
  const stand = path.join(dir, 'stand');
  await run(go, [...BUILD, '-o', stand, './internal/login1/stand'], {
    cwd: path.join(repository, 'init'),
    env,
  });
  return { kubelet: path.join(built, 'kubelet'), stand };
}

/** A pod that takes so long to end, or its grace period, whichever is shorter. */
export interface FakePod {
  readonly name: string;
  readonly priority: number;
  readonly graceSeconds: number;
  readonly takesMs: number;
}

const Event = v.variant('event', [
  v.object({ event: v.literal('started') }),
  v.object({ event: v.literal('status'), shuttingDown: v.boolean() }),
  v.object({ event: v.literal('shutting-down'), is: v.boolean() }),
  v.object({
    event: v.literal('asked'),
    pod: v.string(),
    graceSeconds: v.number(),
    phase: v.string(),
    reason: v.string(),
  }),
  v.object({ event: v.literal('ended'), pod: v.string() }),
]);
type Event = v.InferOutput<typeof Event>;

/** Starts kubelet's shutdown manager on a bus, and returns when it watches for a stop. */
export async function startKubelet(
  program: string,
  bus: string,
  configuration: {
    readonly periodSeconds: number;
    readonly criticalSeconds: number;
    readonly pods: readonly FakePod[];
  },
): Promise<RunningProcess> {
  const env = { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${bus}` };
  const kubelet = new RunningProcess(program, [JSON.stringify(configuration)], env);
  await kubelet.expect('"started"');
  return kubelet;
}

/** Returns what kubelet's shutdown manager has done. */
export const eventsOf = (kubelet: RunningProcess): Event[] =>
  kubelet.lines
    .filter((line) => line.startsWith('{"event"'))
    .map((line) => v.parse(v.pipe(v.string(), v.parseJson(), Event), line));
