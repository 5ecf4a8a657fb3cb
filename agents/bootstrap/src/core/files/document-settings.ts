import type { Warning } from '../document/parsed-document.ts';
import type { NodeBootstrap } from '../document/schema.ts';
import { contentOf } from './document-pods.ts';

/** A file of settings among those of a document, and the agent that reads it. */
export interface SettingsText {
  /** Its place in the document, such as `files.0`. */
  readonly at: string;
  readonly agent: string;
  readonly text: string;
}

/** Settings of a document that other programs than this one judge. */
export interface DocumentSettings {
  /** Fields of KubeletConfiguration. */
  readonly kubelet: Readonly<Record<string, unknown>> | undefined;
  readonly files: readonly SettingsText[];
  readonly warnings: readonly Warning[];
}

/** The files that agents read, by their paths. */
const READERS: Readonly<Record<string, string>> = {
  '/etc/kios/modules/modules.yaml': 'modloader',
  '/etc/kios/time/time.yaml': 'chrony-config',
  '/etc/kios/dhcp/dhcp.yaml': 'dhcp',
};

/** Warns of a file with the name of one that counts, in a place where nobody looks. */
function misplaced(path: string): string | undefined {
  const name = path.startsWith('/etc/kios/') ? path.split('/').at(-1) : undefined;
  const place = Object.keys(READERS).find((known) => known.endsWith(`/${name}`));
  if (place === undefined || place === path) return undefined;
  return `${path} is read by no program; its place is ${place}`;
}

export function documentSettings({ kubelet, files = [] }: NodeBootstrap): DocumentSettings {
  const warnings: Warning[] = [];
  const texts: SettingsText[] = [];
  for (const [index, file] of files.entries()) {
    const at = `files.${index}`;
    const why = misplaced(file.path);
    if (why !== undefined) warnings.push({ path: at, why });
    const agent = READERS[file.path];
    if (agent !== undefined) texts.push({ at, agent, text: contentOf(file) });
  }
  return { kubelet: kubelet?.config, files: texts, warnings };
}
