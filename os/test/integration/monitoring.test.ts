import { spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { openTools, type Toolroot } from '../../src/build/sources/debian/toolroot.ts';
import { freePort } from '../../src/workstation/free-port.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { silent } from '../../src/workstation/progress.ts';
import {
  MONITORING,
  readExample,
  readMetricNames,
  readMetricsContainer,
  VECTORS,
} from '../support/monitoring.ts';

/** The files of `examples/monitoring` by Prometheus' own programs, of the image's Debian release. */

vi.setConfig({ testTimeout: 120_000, hookTimeout: 600_000 });

type Program = 'usr/bin/promtool' | 'usr/bin/prometheus-node-exporter';
const PACKAGES = ['libc6', 'promtool', 'prometheus-node-exporter'];

let tools: Toolroot<Program>;
let home = '';

const promtool = (...args: readonly string[]): Promise<string> =>
  tools.run('usr/bin/promtool', args, { cwd: home });

beforeAll(async () => {
  await ensurePackages(['build'], silent);
  tools = await openTools<Program>(PACKAGES, silent);
  home = await mkdtemp(path.join(tmpdir(), 'kios-monitoring-'));
  for (const name of ['rules.yaml', 'rules-test.yaml', 'prometheus.yaml'])
    await copyFile(path.join(MONITORING, name), path.join(home, name));
});

afterAll(() => rm(home, { recursive: true, force: true }));

it('Prometheus takes the alerts and the configuration', async () => {
  expect(await promtool('check', 'rules', '--lint-fatal', 'rules.yaml')).toMatch(/\d+ rules found/);
  await promtool('check', 'config', '--syntax-only', 'prometheus.yaml');
});

it('each alert fires when it should, and only then', async () => {
  expect(await promtool('test', 'rules', 'rules-test.yaml')).toContain('SUCCESS');
});

it('an alert that fires at another time is found', async () => {
  const rules = await readExample('rules.yaml');
  await writeFile(path.join(home, 'rules.yaml'), rules.replace('(kios_clock_synced) == 0', '(kios_clock_synced) == 1')); // prettier-ignore
  await expect(promtool('test', 'rules', 'rules-test.yaml')).rejects.toThrow('KiosClockUnsynced');
  await writeFile(path.join(home, 'rules.yaml'), rules);
});

it('Prometheus has nothing to say against what init writes', async () => {
  const input = await readFile(path.join(VECTORS, 'init.prom'));
  // It ends with a failure when it has something to say.
  expect(await tools.run('usr/bin/promtool', ['check', 'metrics'], { input })).toBe('');
});

/** Files as the agents write them, one sample for each metric. */
async function writeSamples(folder: string): Promise<readonly string[]> {
  const files = await readMetricNames();
  for (const [file, metrics] of Object.entries(files)) {
    const blocks = Object.entries(metrics).map(([name, labels]) => {
      const kind = name.endsWith('_total') ? 'counter' : 'gauge';
      const shown = labels.map((label) => `${label}="x"`).join(',');
      return `# HELP ${name} Of a test.\n# TYPE ${name} ${kind}\n${name}{${shown}} 1\n`;
    });
    await writeFile(path.join(folder, file), blocks.join(''));
  }
  await copyFile(path.join(VECTORS, 'init.prom'), path.join(folder, 'init.prom'));
  return Object.values(files).flatMap((metrics) => Object.keys(metrics));
}

it('node-exporter serves the files of a node, and nothing of its own, with the words of the pod', async () => {
  const folder = path.join(home, 'metrics');
  await mkdir(folder);
  const names = await writeSamples(folder);
  // A file that is being written has another name.
  await writeFile(path.join(folder, '.new-123'), 'kios_half_of_it');
  const address = `127.0.0.1:${await freePort()}`;
  const { args } = await readMetricsContainer();
  const words = args.map((word) =>
    word.replace(/(?<=textfile\.directory=).*/, folder).replace(/(?<=listen-address=).*/, address),
  );
  const [program = '', ...before] = tools.command('usr/bin/prometheus-node-exporter');
  const exporter = spawn(program, [...before, ...words], { stdio: 'inherit' });
  try {
    const text = await vi.waitFor(async () => (await fetch(`http://${address}/metrics`)).text(), {
      timeout: 20_000,
      interval: 100,
    });
    const served = new Set([...text.matchAll(/^(\w+)(?:\{| )/gm)].map(([, name = '']) => name));
    expect(names.filter((name) => !served.has(name))).toEqual([]);
    expect(text).toMatch(/^node_textfile_scrape_error 0$/m);
    expect(text).toMatch(/^node_textfile_mtime_seconds\{file="[^"]*init\.prom"\} /m);
    expect(
      [...served].filter(
        (name) => !/^(?:kios|node_textfile|node_scrape)_|^node_exporter_build_info$/.test(name),
      ),
    ).toEqual([]);
  } finally {
    exporter.kill();
  }
});
