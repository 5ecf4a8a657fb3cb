import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

import * as v from 'valibot';

import {
  type Candidate,
  eventsOf,
  LINE,
  type Outcome,
  parseRollup,
  Plan,
  type Reached,
} from './plan.ts';

/*
 * Starts programs under several runtimes, in a sandbox whose network and /run are its own. Takes a plan as JSON on
 * standard input, prints the outcomes as JSON.
 */

/** Longer than any start of a runtime that works. */
const DEADLINE_MS = 20_000;
/** After this time an agent has freed the memory that its start needed. */
const REST_MS = 6000;
/** Folders that the pods of the agents mount. */
const FOLDERS = [
  ...['control', 'modules', 'net', 'platform', 'seed', 'time'].map((name) => `/run/kios/${name}`),
  ...['bootstrap', 'dhcp', 'resize', 'time'].map((name) => `/var/lib/kios/${name}`),
];

/** Until the first line. */
interface Times {
  readonly firstLineMs: number;
  readonly cpuMs: number;
}

interface Started {
  /** Undefined of a program that has no first line. */
  readonly times: Times | undefined;
  readonly reached: Pick<Reached, 'events' | 'memory' | 'ended'>;
  readonly output: readonly string[];
}

/** Returns the processor time of a process's threads; the first number of `schedstat` is in nanoseconds. */
async function cpuMsOf(pid: number | undefined): Promise<number> {
  const tasks = await readdir(`/proc/${pid}/task`).catch(() => []);
  const stats = tasks.map((task) => readFile(`/proc/${pid}/task/${task}/schedstat`, 'utf8'));
  const texts = await Promise.all(stats).catch(() => []);
  return texts.reduce((sum, text) => sum + Number(text.split(' ')[0]), 0) / 1e6;
}

async function makeFolders(): Promise<void> {
  for (const folder of ['/run/kios', '/var/lib/kios'])
    await rm(folder, { recursive: true, force: true });
  for (const folder of FOLDERS) await mkdir(folder, { recursive: true });
}

/** Runs a program until its first line, and `restMs` longer. */
async function start(
  { command, env }: Candidate,
  args: readonly string[],
  restMs = 0,
): Promise<Started> {
  await makeFolders();
  const [program = '', ...flags] = command;
  const begin = performance.now();
  const child = spawn(program, [...flags, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env });
  const output: string[] = [];
  const faults: string[] = [];
  const reader = createInterface({ input: child.stdout }).on('line', (line) => output.push(line));
  createInterface({ input: child.stderr }).on('line', (line) => faults.push(line));
  const ended = once(child, 'close').then(() => true);
  const times = await Promise.race([
    once(reader, 'line').then(async () => {
      const firstLineMs = performance.now() - begin;
      return { firstLineMs, cpuMs: await cpuMsOf(child.pid) };
    }),
    ended.then(() => undefined),
    sleep(DEADLINE_MS, undefined, { ref: false }),
  ]);
  const hasEnded = await Promise.race([ended, sleep(restMs, false)]);
  const rollup = await readFile(`/proc/${child.pid}/smaps_rollup`, 'utf8').catch(() => '');
  child.kill('SIGKILL');
  await ended;
  const said = faults.findLast((line) => line.trim() !== '');
  const how = said ?? child.signalCode ?? `exit code ${child.exitCode}`;
  const rest = hasEnded ? { ended: how } : { memory: parseRollup(rollup) };
  return { times, reached: { events: eventsOf(output), ...rest }, output };
}

const Lacks = v.pipe(v.string(), v.parseJson(), v.array(v.string()));

/** The programs of a candidate: its line, and the agents with their arguments. */
const programsOf = (
  candidate: Candidate,
  agents: Plan['agents'],
): [string, readonly string[]][] => [
  [LINE, [candidate.line]],
  ...Object.entries(agents).map(([agent, args]): [string, readonly string[]] => [
    agent,
    [candidate.agents[agent] ?? '', ...args],
  ]),
];

/** Starts everything once, and waits until it rests. */
async function reach(candidate: Candidate, agents: Plan['agents']): Promise<Outcome> {
  const probed = await start(candidate, [candidate.probe]);
  const lacks = v.safeParse(Lacks, probed.output[0]);
  const programs = new Map<string, Reached>();
  const none = { firstLineMs: [], cpuMs: [] };
  for (const [name, args] of programsOf(candidate, agents))
    programs.set(name, {
      ...(await start(candidate, args, REST_MS)).reached,
      ...structuredClone(none),
    });
  return {
    name: candidate.name,
    lacks: lacks.success ? lacks.output : [`all, as the probe fails: ${probed.reached.ended}`],
    programs: Object.fromEntries(programs),
  };
}

const { candidates, agents, rounds } = v.parse(
  v.pipe(v.string(), v.parseJson(), Plan),
  await text(process.stdin),
);
const outcomes: Outcome[] = [];
for (const candidate of candidates) outcomes.push(await reach(candidate, agents));
for (let round = 0; round < rounds; round += 1)
  for (const [index, candidate] of candidates.entries())
    for (const [name, args] of programsOf(candidate, agents)) {
      const { times } = await start(candidate, args);
      const reached = outcomes[index]?.programs[name];
      if (times === undefined || reached === undefined) continue;
      reached.firstLineMs.push(times.firstLineMs);
      // Nothing is left to read of a process that has ended at once.
      if (times.cpuMs > 0) reached.cpuMs.push(times.cpuMs);
    }
process.stdout.write(JSON.stringify(outcomes));
