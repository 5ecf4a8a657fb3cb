/**
 * Watches devices of a node without an API, and what the module loader's log says, and reports each change to the
 * console. When the device `arms` appears, it kills the module loader during the next load.
 */
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';

import * as v from 'valibot';

import { linkOf, read } from './host/files.ts';
import { pidsIn } from './host/processes.ts';
import { report } from './report.ts';
import { readParameters, SCRIPTS } from './scripts.ts';

const LOOK_MS = 250;
/** It waits so many times as long as a look took. */
const SHARE = 5;
/** Init prints 20 lines a second, those of others included. */
const REPORT_MS = 100;
/** After its last work the loader gives back memory. */
const REST_MS = 10_000;
const KILL_MS = 60_000;
const CLASSES = ['net', 'block'] as const;

const text = v.optional(v.string());
const LogLine = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ ev: v.string(), name: text, by: text, rule: text, why: text }),
);

const parameters = readParameters(SCRIPTS['watch-devices']);
const { root, loader } = parameters;
const arms = new RegExp(parameters.arms);
const patterns = Object.entries(parameters.devices).map(
  ([name, pattern]) => [name, new RegExp(pattern)] as const,
);
const wanted = new Set(parameters.events);
const loads = new Set(parameters.loads);
const known = new Map<string, string>();
const queue: (() => void)[] = [];
let isArmed = false;
let linesRead = 0;

const list = (folder: string): string[] => {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
};

const say = (ev: string, fields: Readonly<Record<string, unknown>>): void =>
  void queue.push(() => report(parameters, ev, fields));

/** Reports what differs from the last report of this name. */
function sayIfNew(ev: string, name: string, fields: Readonly<Record<string, unknown>>): void {
  const text = JSON.stringify(fields);
  const key = `${ev} ${name}`;
  if (known.get(key) === text) return;
  known.set(key, text);
  say(ev, { name, ...fields });
}

const real = (file: string): string => {
  try {
    return realpathSync(file);
  } catch {
    return '';
  }
};

/** Returns the folder of each device by its alias. */
const devices = (): Map<string, string> =>
  new Map(
    list(`${root}/sys/bus`).flatMap((bus) =>
      list(`${root}/sys/bus/${bus}/devices`).map((name) => {
        const at = `${root}/sys/bus/${bus}/devices/${name}`;
        return [read(`${at}/modalias`).trim(), at] as const;
      }),
    ),
  );

/** Returns where the devices of each class are, all in one pass. */
const classes = (): (readonly [name: string, folders: readonly string[]])[] =>
  CLASSES.map((name) => [
    name,
    list(`${root}/sys/class/${name}`).map((each) => real(`${root}/sys/class/${name}/${each}`)),
  ]);

/** Says what a device has: its driver, the driver's module unless that is built in, and what the driver made of it. */
function stateOf(at: string, made: ReturnType<typeof classes>): Readonly<Record<string, unknown>> {
  const driver = path.basename(linkOf(`${at}/driver`));
  const module = path.basename(linkOf(`${at}/driver/module`));
  const isLive = read(`${root}/sys/module/${module}/initstate`).trim() === 'live';
  const folder = `${real(at)}/`;
  const shows = made.flatMap(([name, folders]) =>
    folders.some((each) => each.startsWith(folder)) ? [name] : [],
  );
  return { driver, ...(isLive ? { module } : {}), shows };
}

function lookAtDevices(): void {
  const found = [...devices()];
  const made = classes();
  for (const [name, pattern] of patterns) {
    const [, at] = found.find(([alias]) => pattern.test(alias)) ?? [];
    if (at !== undefined) sayIfNew('device', name, stateOf(at, made));
    else if (known.has(`device ${name}`)) sayIfNew('device', name, { gone: true });
  }
  if (isArmed || !found.some(([alias]) => arms.test(alias))) return;
  isArmed = true;
  say('armed', {});
  queue.push(killInLoad);
}

function lookAtModules(): void {
  const loaded = new Set(
    read(`${root}/proc/modules`)
      .split('\n')
      .map((line) => line.split(' ')[0]),
  );
  for (const name of parameters.modules) sayIfNew('module', name, { loaded: loaded.has(name) });
}

const loaderPid = (): number | undefined =>
  pidsIn(`${root}/proc`).find((pid) => read(`${root}/proc/${pid}/cmdline`).includes(loader));

function sayMemory(): void {
  const map = read(`${root}/proc/${loaderPid()}/smaps_rollup`);
  const kib = (name: string): number => Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(map)?.[1]);
  say('memory', { residentKiB: kib('Rss'), privateKiB: kib('Private_Dirty') });
}

/** Lines of the container's log: time, stream, F, and the event. */
function lookAtLog(): void {
  const logs = `${root}/var/log/pods`;
  const lines = list(logs)
    .filter((pod) => pod.startsWith('kube-system_modloader-'))
    .flatMap((pod) =>
      list(`${logs}/${pod}/run`)
        .toSorted()
        .map((log) => `${logs}/${pod}/run/${log}`),
    )
    .flatMap((log) =>
      read(log)
        .split('\n')
        .filter((line) => line.endsWith('}')),
    );
  for (const line of lines.slice(linesRead)) {
    const { ev, ...fields } = v.parse(LogLine, line.slice(line.indexOf('{"')));
    if (wanted.has(ev) && loads.has(fields.name ?? '')) say('loader', { of: ev, ...fields });
    if (ev === 'later.done') setTimeout(sayMemory, REST_MS);
  }
  linesRead = lines.length;
}

/** Spins, because a load takes a few milliseconds. */
function killInLoad(): void {
  const pid = loaderPid();
  if (pid === undefined) throw new Error(`no process has ${loader}`);
  for (const end = Date.now() + KILL_MS; Date.now() < end;) {
    const loading = /^(\S+) .* Loading /m.exec(readFileSync(`${root}/proc/modules`, 'latin1'));
    if (loading === null) continue;
    process.kill(pid, 'SIGKILL');
    say('killed', { during: loading[1] });
    return;
  }
  say('killed', { during: null });
}

/** Leaves most of the time to the node, which may be slow. */
function look(): void {
  const started = performance.now();
  lookAtDevices();
  lookAtModules();
  lookAtLog();
  setTimeout(look, Math.max(LOOK_MS, SHARE * (performance.now() - started)));
}

look();
setInterval(() => {
  queue.shift()?.();
}, REPORT_MS);
