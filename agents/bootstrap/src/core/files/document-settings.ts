import { writtenAt } from '../document/formats/written.ts';
import type { Warning } from '../document/parsed-document.ts';
import type { NodeBootstrap } from '../document/schema.ts';
import { contentOf } from './document-pods.ts';
import { NETWORK_FILE } from './network-file.ts';

/** A file of settings among those of a document, and the agent that reads it. */
export interface SettingsText {
  /** Its place in the document, such as `files.0`. */
  readonly at: string;
  readonly agent: string;
  readonly text: string;
}

/** Settings of a document that other programs than this one judge. */
export interface DocumentSettings {
  /** Fields of KubeletConfiguration, and their place in the text. */
  readonly kubelet: Readonly<Record<string, unknown>> | undefined;
  readonly kubeletAt: string;
  readonly files: readonly SettingsText[];
}

/** The files that agents read, by their paths. */
const READERS: Readonly<Record<string, string>> = {
  '/etc/kios/modules/modules.yaml': 'modloader',
  '/etc/kios/time/time.yaml': 'chrony-config',
  '/etc/kios/dhcp/dhcp.yaml': 'dhcp',
};

/** Files that programs read, by their paths: an agent's, and the network file, for which there is a field too. */
const PLACES: readonly string[] = [...Object.keys(READERS), `/etc/${NETWORK_FILE}`];
/** Folders of which a program reads every file. */
const FOLDERS = ['/etc/kios/modules/modprobe.d', '/etc/kios/modules/modules-load.d'];
/** Where a document keeps files for its own pods, under any name. */
const OWN = '/etc/kios/mine/';

/** Returns the place that the writer of a path below /etc/kios meant by its name; nothing where any name is right. */
function meantBy(path: string): string | undefined {
  if (!path.startsWith('/etc/kios/') || path.startsWith(OWN)) return undefined;
  const [name = '', folder = ''] = path.toLowerCase().split('/').toReversed();
  const wanted = name.replace(/\.yml$/, '.yaml');
  const inFolder = FOLDERS.find((known) => known.endsWith(`/${folder}`));
  return (
    PLACES.find((known) => known.endsWith(`/${wanted}`)) ??
    (inFolder === undefined ? undefined : `${inFolder}/${path.split('/').at(-1) ?? ''}`)
  );
}

/** Returns the files of a document that have the name of one that counts, in a place where nobody looks. */
export function misplacedFiles({ files = [] }: NodeBootstrap): readonly Warning[] {
  return files.flatMap(({ path }, index) => {
    const place = meantBy(path);
    if (place === undefined || place === path) return [];
    return [
      { path: `files.${index}`, why: `${path} is read by no program; its place is ${place}` },
    ];
  });
}

/** Returns the settings of a document, which was converted from a form. */
export function documentSettings(
  { kubelet, files = [] }: NodeBootstrap,
  kind: string,
): DocumentSettings {
  const texts = files.flatMap((file, index): SettingsText[] => {
    const agent = READERS[file.path];
    return agent === undefined ? [] : [{ at: `files.${index}`, agent, text: contentOf(file) }];
  });
  return { kubelet: kubelet?.config, kubeletAt: writtenAt(kind, 'kubelet.config'), files: texts };
}
