import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { execa } from 'execa';
import * as v from 'valibot';
import { parse } from 'yaml';

import { bundleAgent } from '../../workstation/agent-bundle.ts';
import { repository } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { faultText } from '../manifests/fault.ts';
import { askKubeletConfig } from '../manifests/kubelet/judge.ts';
import { wordFault } from '../manifests/kubelet/words.ts';

const Fields = v.record(v.string(), v.unknown());

/** The settings of a bootstrap document, as the bootstrap agent's `check-userdata --settings` writes them. */
const Settings = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    kubelet: v.optional(Fields),
    kubeletAt: v.string(),
    files: v.array(
      v.object({
        at: v.string(),
        agent: v.picklist(['modloader', 'chrony-config', 'dhcp']),
        text: v.string(),
      }),
    ),
  }),
);
type Agent = v.InferOutput<typeof Settings>['files'][number]['agent'];

/** The line with which an agent ends when it fails. */
const Failure = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ err: v.object({ message: v.string() }) }),
);

/** How each agent is asked to read its file and end. */
const CHECKS: Readonly<Record<Agent, (file: string) => readonly string[]>> = {
  // The workstation's own modules say nothing of the node's.
  modloader: (file) => ['coldplug', '--check', `--modules-dir=${file}.none`, `--policy=${file}`],
  'chrony-config': (file) => ['render', '--check', `--config=${file}`],
  dhcp: (file) => ['run', '--check', `--config=${file}`, `--host-file=${file}.none/host.json`],
};

/** Has an agent read a text of settings with the very code that a node runs. Returns what it refuses. */
async function refusalOf(progress: Progress, agent: Agent, text: string): Promise<string | undefined> {
  const bundle = await bundleAgent(agent, progress);
  const folder = await mkdtemp(path.join(tmpdir(), `kios-${agent}-`));
  try {
    const file = path.join(folder, 'text');
    await writeFile(file, text, { mode: 0o600 });
    const { exitCode, stdout, stderr } = await execa(
      process.execPath,
      [bundle, ...CHECKS[agent](file)],
      { reject: false, env: { KIOS_CONSOLE: path.join(folder, 'console.sock') } },
    );
    if (exitCode === 0) return undefined;
    const said = v.safeParse(Failure, stdout.trim().split('\n').at(-1) ?? '');
    const why = said.success ? said.output.err.message : `${stdout}\n${stderr}`.trim();
    return why.replace(`use ${file}: `, '').replaceAll(file, 'it');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
} // prettier-ignore

async function kubeletFaults(progress: Progress, at: string, fields: v.InferOutput<typeof Fields>) {
  const shipped = path.join(repository, 'os/rootfs/lib/kios/kubelet.yaml');
  const base = v.parse(Fields, parse(await readFile(shipped, 'utf8')));
  const faults = await askKubeletConfig(base, fields, progress);
  return faults.map((fault) => {
    const text = faultText(wordFault(fields, fault));
    return `${at}${fault.path === '' ? ': ' : '.'}${text}`;
  });
}

/**
 * Returns a line for each fault of the settings in a document: files of agents are checked by the agents, and fields of
 * kubelet by kubelet. A node would leave a faulty one out, or take kubelet's last files; here somebody can still
 * correct it.
 */
export async function checkDocumentSettings(
  progress: Progress,
  document: string,
  settingsFile: string,
): Promise<readonly string[]> {
  const { kubelet, kubeletAt, files } = v.parse(Settings, await readFile(settingsFile, 'utf8'));
  const faults = kubelet === undefined ? [] : await kubeletFaults(progress, kubeletAt, kubelet);
  for (const { at, agent, text } of files) {
    const why = await refusalOf(progress, agent, text);
    if (why !== undefined) faults.push(`${at}: ${why}`);
  }
  return faults.map((fault) => `${document}: ${fault}`);
}
