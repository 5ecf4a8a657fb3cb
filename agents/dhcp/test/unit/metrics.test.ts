import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import type { LogFields, Logger } from '@kios/agent';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { EventCounter } from '../../src/core/client/metrics.ts';
import { countEvents } from '../../src/edge/report/count-events.ts';

function recording(): { readonly said: LogFields[]; readonly log: Logger } {
  const said: LogFields[] = [];
  const say = (fields: LogFields): void => void said.push(fields);
  const log = { debug: say, info: say, warn: say, error: say, close: () => Promise.resolve() };
  return { said, log };
}

describe('counting events', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'kios-dhcp-metrics-'));
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  });
  afterEach(() => {
    vi.useRealTimers();
    rmSync(folder, { recursive: true });
  });

  it('writes the counts of each link to a file that Prometheus reads', async () => {
    const { said, log } = recording();
    const file = path.join(folder, 'dhcp.prom');
    const counting = countEvents(log, file);
    counting.debug({ ev: 'tx', link: 'eth0' });
    counting.debug({ ev: 'tx', link: 'eth0' });
    counting.warn({ ev: 'nak', link: 'a"b\\' });
    counting.info({ ev: 'link.wait' });
    expect(said.map(({ ev }) => ev)).toEqual(['tx', 'tx', 'nak', 'link.wait']);
    vi.runAllTimers();
    vi.useRealTimers();
    await vi.waitFor(async () => {
      expect((await readFile(file, 'utf8')).split('\n')).toEqual([
        '# HELP kios_dhcp_events_total Events in the log of the DHCP client.',
        '# TYPE kios_dhcp_events_total counter',
        'kios_dhcp_events_total{link="",event="link.wait"} 1',
        'kios_dhcp_events_total{link="a\\"b\\\\",event="nak"} 1',
        'kios_dhcp_events_total{link="eth0",event="tx"} 2',
        '',
      ]);
    }, 5000);
  });

  it('counts what the panels of examples/monitoring are made for', async () => {
    const vector = path.join(import.meta.dirname, '../../../../packages/host-api/vectors/metrics.json'); // prettier-ignore
    const wanted: unknown = JSON.parse(await readFile(vector, 'utf8'));
    expect(wanted).toMatchObject({ 'dhcp.prom': { kios_dhcp_events_total: ['event', 'link'] } });
    expect(new EventCounter().format()).toContain('# TYPE kios_dhcp_events_total counter');
  });

  it('is off without a folder for the file', () => {
    const { log } = recording();
    expect(countEvents(log, path.join(folder, 'nowhere/dhcp.prom'))).toBe(log);
  });
});
