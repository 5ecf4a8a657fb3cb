import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import type { SettingFault } from '@kios/agent';
import { readSettingsFile } from '@kios/agent/settings-file';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Policy } from '../../src/core/policy/policy.ts';
import { Daemon } from '../../src/edge/loading/daemon.ts';
import { Loader } from '../../src/edge/loading/loader.ts';
import { readLoadFiles, readModprobeConfig } from '../../src/edge/loading/module-files.ts';
import { OperatorFiles, reportWaiting } from '../../src/edge/loading/operator-files.ts';
import { Report } from '../../src/edge/report/report.ts';
import { setUp, SILENT } from '../support/fake-kernel.ts';
import { policy } from '../support/policy.ts';

const facts = () => ({ hasCapability: true, modulesDisabled: false, lockdown: 'none' });
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kios-modules-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function read(text: string) {
  const file = path.join(folder, 'modules.yaml');
  await writeFile(file, text);
  return readSettingsFile(Policy, file, 'docs/modules.md');
}

describe('a fault in modules.yaml costs the entry that has it:', () => {
  it.each<readonly [text: string, at: string, line: number, why: string]>([
    ['load: [nbd]', 'load.0', 1, 'is not a map'],
    ['load:\n  - {name: tun}\n  - {name: a, parms: x}', 'load.1.parms', 3, 'Did you mean params?'],
    ['load:\n  - {params: a=1}\n  - {name: tun}', 'load.0.name', 2, 'is missing'],
    ['load: [{name: ip vs}]', 'load.0.name', 1, 'must have no blanks'],
    ['load: [{name: nvme_tcp.ko}]', 'load.0.name', 1, 'is the name of a file; leave .ko out'],
    ['load: [{name: nvme_tcp.ko.zst}]', 'load.0.name', 1, 'is the name of a file; leave .ko out'],
    ['load: [{name: a, required: "no"}]', 'load.0.required', 1, 'is neither true nor false'],
    ['laod: [{name: tun}]', 'laod', 1, 'Did you mean load?'],
    ['deny: usb_storage', 'deny', 1, 'is not a list'],
    ['deny: [usb_storage, 5]', 'deny.1', 1, 'is not a text'],
    ['deny: ["sd[a"]', 'deny.0', 1, 'has unbalanced brackets'],
    ['coldplug: off', 'coldplug', 1, 'is not a map'],
    ['coldplug:\n  buses: pci', 'coldplug.buses', 2, 'is not a list'],
    ['params: {loop: "a=\\"1"}', 'params.loop', 1, 'must have balanced quotes'],
    ['params: [loop]', 'params', 1, 'is not a map'],
    ['profiles: {kubernetes: veth}', 'profiles.kubernetes', 1, 'is not a list'],
  ])('%j', async (text, at, line, why) => {
    const { settings, faults } = await read(`${text}\nallow: [virtio_net]\n`);
    expect(settings.allow).toEqual(['virtio_net']);
    expect(settings.coldplug.enabled).toBe(true);
    expect(faults[0]).toMatchObject({ path: at, line });
    expect(`${faults[0]?.why} ${faults[0]?.remedy}`).toContain(why);
  });

  it.each<readonly [text: string, at: string, why: string]>([
    ['allow: virtio_net', 'allow', 'is not a list'],
    ['allow:', 'allow', 'has no value'],
    ['allow: [virtio_net:, nvme]', 'allow', '{"virtio_net":null}'],
    ['allow: [nvme, "virtio_[net"]', 'allow', '"virtio_[net"'],
    ['allow: [""]', 'allow', '""'],
    ['coldplug: {buses: [pci, 5]}', 'coldplug.buses', '5'],
  ])('%j, which would keep out what the entry lets in, as a whole', async (text, at, why) => {
    const { settings, faults } = await read(`${text}\nload: [{name: tun}]\n`);
    expect(settings).toEqual(policy({ load: [{ name: 'tun' }] }));
    expect(faults).toMatchObject([{ path: at, line: 1 }]);
    expect(faults[0]?.why).toContain(why);
  });

  it('and the others of a list count', async () => {
    const text = 'load:\n  - {nmae: x}\n  - {name: tun}\n  - nbd\n  - {name: fuse, params: 5}\n  - {name: ""}\n';
    const { settings, faults } = await read(text);
    expect(settings.load).toEqual([
      { name: 'tun', required: true },
      { name: 'fuse', required: true },
    ]);
    expect(faults.map(({ path: at, line }) => [at, line])).toEqual([
      ['load.2', 4],
      ['load.0.name', 2],
      ['load.0.nmae', 2],
      ['load.3.params', 5],
      ['load.4.name', 6],
    ]);
  }); // prettier-ignore

  it.each(['load: [', '- a', 'load: &a [*b]', 'just words'])('all of %j', async (text) => {
    const { settings, faults } = await read(text);
    expect(settings).toEqual(policy());
    expect(faults).toHaveLength(1);
  });
});

describe('files of modprobe.d and modules-load.d', () => {
  it('count by the names that kmod takes; one that cannot be read is a fault', async () => {
    const dir = await mkdtemp(path.join(folder, 'd-'));
    const files = { 'a.conf': 'kvm', 'b.alias': 'loop', '.c.conf': 'nvme', 'd.conf~': 'sctp' };
    for (const [name, module] of Object.entries(files))
      await writeFile(`${dir}/${name}`, `blacklist ${module}\n`);
    await symlink('/nonexistent', `${dir}/e.conf`);
    await symlink('/dev/null', `${dir}/f.conf`);
    await mkdir(`${dir}/g.conf`);
    const faults: SettingFault[] = [];
    const config = await readModprobeConfig([dir, `${dir}/none`], faults, false, '/dev/null');
    expect([...config.blacklist]).toEqual(['kvm', 'loop']);
    const whys = faults.map(({ file, why }) => `${path.basename(file)} ${why}`);
    expect(whys).toEqual(['e.conf cannot be read: ENOENT', 'g.conf cannot be read: EISDIR']);
    const again: SettingFault[] = [];
    expect(await readLoadFiles(dir, again)).toEqual(['blacklist kvm']);
    expect(again).toEqual(faults);
  });
});

describe('settings that change while the loader runs', () => {
  const signal = new AbortController().signal;

  it('load what they add and let in, and name what stays until the next boot', async () => {
    const said: object[] = [];
    const parts = setUp({ deny: ['nvme'] });
    const report = new Report({ ...SILENT, warn: (line: object) => void said.push(line) });
    const sessionOf = (chosen: Policy) => ({
      ...parts, policy: chosen, isDryRun: false, release: '', dir: '', profileNames: [], laterNames: [],
    }); // prettier-ignore
    const servingOf = (chosen: Policy) => {
      const session = sessionOf(chosen);
      return { session, loader: new Loader({ ...session, facts, report }) };
    };
    parts.devices.aliases = () => ['pci:v00001B36d00000010sv0sd0bc01sc08i02'];
    const daemon = new Daemon('/nonexistent', servingOf(policy({ deny: ['nvme'], load: [{ name: 'kvm' }] })), { log: SILENT, signal }); // prettier-ignore
    await daemon.start();
    expect(parts.kernel.calls).toEqual(['kvm']);
    const next = servingOf(policy({ load: [{ name: 'kvm', params: 'a=1' }, { name: 'e1000e' }] }));
    reportWaiting(next.session, report);
    await daemon.renew(next);
    expect(parts.kernel.calls).toEqual(['kvm', 'e1000e', 'nvme']);
    expect(said).toMatchObject([{ ev: 'mod.waits', name: 'kvm', why: 'it was loaded with other parameters' }]); // prettier-ignore
  });

  it.each(['modules.yaml', 'modprobe.d/x.conf', 'modules-load.d/x.conf'])(
    'are noticed: %s, even in a folder that is new',
    { timeout: 20_000 },
    async (name) => {
      const etc = await mkdtemp(path.join(folder, 'etc-'));
      const stop = new AbortController();
      const args = { policy: `${etc}/modules.yaml`, configDir: [`${etc}/modprobe.d`] };
      using files = new OperatorFiles(
        { ...args, modulesDir: '', kernel: '', dryRun: false, check: false },
        `${etc}/modules-load.d`,
      );
      const place = async (): Promise<void> => {
        await mkdir(path.dirname(`${etc}/${name}`), { recursive: true });
        await writeFile(`${etc}/${name}.tmp`, '');
        await rename(`${etc}/${name}.tmp`, `${etc}/${name}`);
      };
      for (const _ of ['new', 'changed']) {
        const change = files.change(stop.signal);
        await place();
        await change;
      }
      const last = files.change(stop.signal);
      stop.abort(new Error('stopped'));
      await expect(last).rejects.toThrow('stopped');
    },
  );
});
