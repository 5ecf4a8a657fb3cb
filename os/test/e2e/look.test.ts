import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as v from 'valibot';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { makeImage, type OciImage } from '../../src/build/formats/oci.ts';
import { Tree } from '../../src/build/formats/tree.ts';
import { writeLayer, writeLayout } from '../../src/build/image/oci-layout.ts';
import { addLibraries, fetchPackages, locate } from '../../src/build/image/runtime.ts';
import { storedFile } from '../../src/build/image/stored-files.ts';
import { makeToolbox } from '../../src/build/toolbox/toolbox.ts';
import { examine } from '../../src/fleet/doctor/doctor.ts';
import { bringUp, type UpNode } from '../../src/lab/bring-up.ts';
import { WORKSTATION_SEEN_BY_GUEST as SERVER } from '../../src/lab/controlplane/layout.ts';
import { down } from '../../src/lab/down.ts';
import { labMachine, NODE_ADDRESS } from '../../src/lab/node.ts';
import { Registry } from '../../src/lab/registry.ts';
import type { CommandContext } from '../../src/workstation/command-context.ts';
import { type Progress, silent } from '../../src/workstation/progress.ts';
import { run } from '../../src/workstation/run.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { MONITORING, readMetricNames, readMetricsContainer } from '../support/monitoring.ts';
import { describeRecorded } from '../support/recorded.ts';

const BUILD_AND_BOOT_MS = 70 * 60_000;
const STEP_MS = 20 * 60_000;
/** An emulated node pulls and unpacks the toolbox in minutes. */
const PULL_S = 900;
const LOOK = { timeout: STEP_MS, interval: 1000 } as const;
const TIME = 1_790_000_000;

const TOOLBOX_REGISTRY = 'toolbox.test';
const TOOLBOX_IMAGE = `${TOOLBOX_REGISTRY}/kios/toolbox:v1`;
const EXPORTER = 'usr/bin/prometheus-node-exporter';

/** Debian's node-exporter in the place of upstream's image, which a test does not pull from the world. */
async function exporterImage(layout: string, progress: Progress): Promise<OciImage> {
  const packages = await fetchPackages('amd64', ['libc6', 'prometheus-node-exporter'], progress);
  const { file, origin } = locate(packages, EXPORTER);
  const tree = new Tree().directory('/tmp', 0o1777).directory('/metrics');
  tree.file('/bin/node_exporter', 0o755, storedFile(file), origin);
  await addLibraries(tree, packages, [file]);
  const layers = [await writeLayer(layout, tree, TIME)];
  const entrypoint = ['/bin/node_exporter'];
  return makeImage({ name: 'node-exporter', layers, entrypoint, env: [] }, 'amd64', TIME);
}

/** The page on a console: its lines, without what stands before the bar. */
const pageLines = (text: string): string[] =>
  text.split('\n').flatMap((line) => /(?:^|\r)\| (.*?)\r?$/.exec(line)?.[1] ?? []);

await describeRecorded('look', () => {
  const context: CommandContext = {
    progress: progressOn({ write: (text) => process.stdout.write(text) }),
    signal: new AbortController().signal,
    undo: new AsyncDisposableStack(),
    print: () => {},
  };
  const machine = labMachine();
  let home = '';
  let up: UpNode;

  beforeAll(async () => {
    const { progress, undo } = context;
    await down(silent, { purge: true });
    home = await mkdtemp(path.join(tmpdir(), 'kios-look-'));
    undo.defer(() => rm(home, { recursive: true, force: true }));
    const layout = path.join(home, 'layout');
    const { image: toolbox } = await makeToolbox({ arch: 'amd64', time: TIME, layout }, progress);
    const exporter = await exporterImage(layout, progress);
    await writeLayout(layout, [toolbox, exporter], 'amd64');
    const registry = undo.use(new Registry(layout));
    const { image } = await readMetricsContainer();
    const [host = '', ...name] = image.split('/');
    registry.tags.set('kios/toolbox:v1', toolbox.manifest.digest);
    registry.tags.set(name.join('/'), exporter.manifest.digest);
    const port = Number(new URL(await registry.listen()).port);
    const address = `http://${SERVER}:${port}`;
    const hosts = `server = "${address}"\n[host."${address}"]\ncapabilities = ["pull", "resolve"]\n`;
    up = await bringUp(context, machine, {
      memoryMiB: 2048,
      cpus: 2,
      offer: [port],
      extras: {
        files: [TOOLBOX_REGISTRY, host].map((registryName) => ({
          path: `/etc/containerd/certs.d/${registryName}/hosts.toml`,
          content: hosts,
        })),
      },
    });
  }, BUILD_AND_BOOT_MS);

  afterAll(async () => {
    await context.undo.disposeAsync();
    await down(silent, { purge: true });
  }, 120_000);

  const page = async (): Promise<string[]> =>
    pageLines(await readFile(machine.file('console'), 'utf8'));

  /** Runs a command in a debug pod of the node, and returns what it printed. */
  const debug = async (...command: readonly string[]): Promise<string> => {
    const args = ['debug', `node/${up.nodeName}`, '--profile=sysadmin', `--image=${TOOLBOX_IMAGE}`];
    const said = await up.kubectl.call([...args, '--attach=false', '--', ...command]);
    const pod = /pod (\S+)/.exec(said)?.[1] ?? '';
    try {
      const code = 'jsonpath={.status.containerStatuses[0].state.terminated.exitCode}';
      await up.kubectl.wait(['wait', `--for=${code}`, `pod/${pod}`], PULL_S);
      const output = await up.kubectl.call(['logs', pod]);
      if ((await up.kubectl.call(['get', 'pod', pod, '-o', code])) !== '0') throw new Error(output);
      return output;
    } finally {
      await up.kubectl.call(['delete', 'pod', pod, '--wait=false', '--ignore-not-found']);
    }
  };

  it(
    'the serial console shows a page with address and state, and again only when it changes',
    { timeout: STEP_MS },
    async () => {
      await expect
        .poll(async () => (await page()).join('\n'), LOOK)
        .toMatch(
          new RegExp(
            String.raw`version \d+\.\d+\.\d+  \|  ${up.nodeName}  \|  ${NODE_ADDRESS}\b.*  \|  cluster\n`,
          ),
        );
      await expect
        .poll(async () => (await page()).join('\n'), LOOK)
        .toMatch(/clock (?:follows \S+|plausible, follows no source)  \|  state on disk  \|  containerd started once, kubelet started \w+(?: times)?\n/); // prettier-ignore
      const heads = (await page()).filter((line) => line.startsWith('version '));
      expect(heads.length).toBeLessThan(20);
    },
  );

  it('kubectl debug enters the node with the toolbox', { timeout: STEP_MS }, async () => {
    const script = [
      'ip -j addr | jq -r ".[].addr_info[].local"',
      'ls /host/run/kios/metrics',
      'lsmod | head -3',
      'ss -tlnp | grep kubelet',
      'dmesg | head -1',
      'findmnt -no FSTYPE /host',
      'ps -o comm= -p 1',
      'nft list tables',
      'timeout 60 tcpdump -c 1 -n -i any tcp 2>&1',
    ];
    const output = await debug('bash', '-ec', script.join('\n'));
    for (const words of [
      NODE_ADDRESS,
      'init.prom',
      'kubelet',
      'erofs',
      'init',
      '1 packet captured',
    ])
      expect(output).toContain(words);
  });

  it('a doctor says that nothing is wrong, and gathers what shows it', { timeout: STEP_MS }, async () => {
    const output = path.join(home, 'bundle.tar.gz');
    const printed: string[] = [];
    const look = async () => {
      printed.length = 0;
      await using undo = new AsyncDisposableStack();
      return await examine(
        { ...context, undo, print: (line) => void printed.push(line) },
        { kubeconfig: up.controlPlane.adminKubeconfig, node: up.nodeName, context: undefined, output, timeout: 60 },
      );
    };
    // Nothing on the way of this guest serves time, and its name server depends on the workstation's.
    const ofSurroundings = /time source|ClockSynchronized|KIOS_FAULT_(?:CLOCK_UNSYNCED|DNS_DEAD)/;
    const ofNode = async () => (await look()).wrong.filter((line) => !ofSurroundings.test(line));
    await expect.poll(ofNode, { ...LOOK, interval: 10_000 }).toEqual([]);
    process.stdout.write(`${printed.join('\n')}\n`);
    const files = (await run('tar', ['-tzf', output])).split('\n').map((name) => name.split('/').slice(1).join('/'));
    for (const file of ['api/node.json', 'host/init.log', 'host/kubelet.log', 'host/state.json', 'kubelet/configz.json', 'kubelet/metrics.txt'])
      expect(files).toContain(file);
    expect(files.some((file) => /^pods\/chrony-.*\/watch\.log$/.test(file))).toBe(true);
    const text = await run('tar', ['-xzOf', output]);
    const [, secret = ''] = up.join.token.split('.');
    expect(text).not.toContain(secret);
    const State = v.object({ loadedModules: v.array(v.string()), mounts: v.array(v.object({ target: v.string() })) });
    const folder = path.basename((await run('tar', ['-tzf', output])).split('/')[0] ?? '');
    const state = v.parse(v.pipe(v.string(), v.parseJson(), State), await run('tar', ['-xzOf', output, `${folder}/host/state.json`]));
    expect(state.mounts.map(({ target }) => target)).toContain('/var');
  }); // prettier-ignore

  it('the pod of examples/monitoring serves what the node counts', { timeout: STEP_MS }, async () => {
    await up.kubectl.call(['apply', '-f', path.join(MONITORING, 'metrics.yaml')]);
    const select = ['-n', 'kios-metrics', '-l', 'app.kubernetes.io/name=kios-metrics'];
    await expect
      .poll(async () => up.kubectl.call(['get', 'pods', ...select, '-o', 'name']), LOOK)
      .toContain('pod/');
    await up.kubectl.wait(['wait', '--for=condition=Ready', 'pod', ...select]);
    const pod = (await up.kubectl.call(['get', 'pods', ...select, '-o', 'name'])).trim().replace('pod/', '');
    // Pods of a node behind a user network are not reached from outside of it: the toolbox asks from inside.
    const ip = await up.kubectl.call(['get', 'pod', pod, '-n', 'kios-metrics', '-o', 'jsonpath={.status.podIP}']);
    const args = ['run', 'scrape', `--image=${TOOLBOX_IMAGE}`, '--restart=Never', '--', 'curl', '-sf', `http://${ip}:9101/metrics`];
    await up.kubectl.call(args);
    await up.kubectl.wait(['wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/scrape']);
    const text = await up.kubectl.call(['logs', 'scrape']);
    const files = await readMetricNames();
    const always = Object.keys(files['init.prom'] ?? {}).filter((name) => !name.startsWith('kios_fault'));
    for (const name of [...always, 'kios_clock_sane', 'kios_dhcp_events_total']) expect([name, text.includes(`${name}{`) || text.includes(`${name} `)]).toEqual([name, true]);
    expect(text).toMatch(/^node_textfile_scrape_error 0$/m);
    expect(text).toMatch(/^kios_info\{.*mode="cluster".*\} 1$/m);
  }); // prettier-ignore
});
