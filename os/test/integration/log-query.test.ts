import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';

import { requireRoot } from '@kios/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import { askKubelet, buildLogQuery, type LogQuery } from '../support/log-query/log-query.ts';

/**
 * Kubelet's own code runs init as journalctl. What it passes is nowhere written down, so that a new version of kubelet
 * may pass something that init refuses; this notices.
 */

vi.setConfig({ testTimeout: 60_000, hookTimeout: 600_000 });

const STARTED = '2026-07-01T12:00:00.000Z';

const line = (agent: string, up: number, text: string): string =>
  JSON.stringify({ t: '1970-01-01T00:00:01.000Z', up, lvl: 'info', agent, text });

const KEPT = {
  kernel: [line('kernel', 0.5, 'Linux version 6')],
  init: ['{"t":"1970-01-01T00:00:02.000Z","up":2,"lvl":"info","agent":"init","ev":"init.start"}'],
  kubelet: [
    line('kubelet', 3, 'I0101 early'),
    line('kubelet', 60, 'E0701 Failed "x"'),
    line('kubelet', 61, '--boot'),
  ],
};

/** As journalctl shows it. */
const at = (time: string, unit: string, text: string): string =>
  `Jul 01 ${time}000 ${hostname()} ${unit}: ${text}\n`;
const EARLY = at('12:00:03.000', 'kubelet', 'I0101 early');
const FAILED = at('12:01:00.000', 'kubelet', 'E0701 Failed "x"');
const LAST = at('12:01:01.000', 'kubelet', '--boot');
const KERNEL = at('12:00:00.500', 'kernel', 'Linux version 6');
const NOTHING = '-- No entries --\n';

const writeLines = (file: string, lines: readonly string[]): Promise<void> =>
  writeFile(file, lines.map((each) => `${each}\n`).join(''));

let home = '';
let logs = '';
let kubelet: LogQuery;

beforeAll(async () => {
  if (process.getuid?.() !== 0) return;
  home = await mkdtemp(path.join(tmpdir(), 'kios-log-query-'));
  kubelet = await buildLogQuery(home);
  logs = path.join(home, 'log');
  const boot = path.join(logs, 'boots/000001');
  await mkdir(boot, { recursive: true });
  for (const [name, lines] of Object.entries(KEPT))
    await writeLines(path.join(boot, `${name}.log`), lines);
  const record = { v: 1, bootId: '1-1', version: '1', kernel: '6', bootedAt: STARTED };
  await writeFile(path.join(boot, 'boot.json'), JSON.stringify(record));
  await writeLines(path.join(logs, 'kubelet.log'), [line('kubelet', 1, 'of this boot')]);
});

afterAll(() => rm(home, { recursive: true, force: true }));

describe('init as the journalctl that kubelet runs', () => {
  beforeEach(requireRoot);

  it.each([
    ['a service', 'query=kubelet', EARLY + FAILED + LAST],
    ['services, in the order of time', 'query=kubelet&query=kernel', KERNEL + EARLY + FAILED + LAST],
    ['the last lines', 'query=kubelet&tailLines=2', FAILED + LAST],
    ['no lines', 'query=kubelet&tailLines=0', NOTHING],
    ['a time since', 'query=kubelet&sinceTime=2026-07-01T12:01:00Z', FAILED + LAST],
    ['a time until', 'query=kubelet&untilTime=2026-07-01T12:00:59Z', EARLY],
    ['a pattern', 'query=kubelet&pattern=fail(ed|s)', FAILED],
    ['a pattern that looks like options', 'query=kubelet&pattern=--boot', LAST],
    ['everything', 'query=kubelet&query=init&sinceTime=2026-06-01T01:02:03Z&untilTime=2026-08-01T01:02:03Z&tailLines=100000&pattern=early', EARLY],
    ['a part of a service’s name, which kubelet takes for one', 'query=let', NOTHING],
  ])('answers %s', async (_, query, body) => {
    const [answer] = await askKubelet(kubelet, logs, [`${query}&boot=-1`]);
    expect(answer).toEqual({ status: 200, body });
  }); // prettier-ignore

  it('shows all boots, and how each ended', async () => {
    const [all, here, none] = await askKubelet(kubelet, logs, [
      'query=kubelet',
      'query=kubelet&boot=0',
      'query=kubelet&boot=-2',
    ]);
    expect(here?.body).toMatch(/^\w{3} \d\d [\d:.]+ \S+ kubelet: of this boot\n$/);
    const id = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    const between = `-- Boot 11 did not end in order --\n-- Boot ${id.replaceAll('-', '')} --\n`;
    expect(all?.body.replace(/\n.* kubelet: of this boot\n$/, '\nof this boot\n')).toBe(
      `${EARLY}${FAILED}${LAST}${between}of this boot\n`,
    );
    expect(none?.body).toBe('journalctl: the node keeps no boot -2; the oldest is -1\n');
  });

  it('leaves a service that it does not know to kubelet, which looks for a file', async () => {
    const [answer] = await askKubelet(kubelet, logs, ['query=sshd']);
    expect(answer?.body).toBe('\nlog not found for sshd\n');
  });

  it('has files that kubelet finds, because no link leads to them', async () => {
    const queries = ['query=kios/kubelet.log', 'query=kios/boots/000001/kernel.log'];
    const [here, before] = await askKubelet(kubelet, logs, queries);
    expect(here).toEqual({ status: 200, body: `${line('kubelet', 1, 'of this boot')}\n` });
    expect(before).toEqual({ status: 200, body: `${KEPT.kernel[0]}\n` });
    const [link] = await askKubelet(kubelet, logs, queries.slice(0, 1), 'link');
    expect(link?.status).toBe(406);
    expect(link?.body).toContain('escapes');
  });
});
