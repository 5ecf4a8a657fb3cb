import path from 'node:path';

import {
  ADDON,
  ARGUMENTS,
  DHCP,
  DOCUMENT,
  ENCRYPT,
  IMAGES,
  MANIFESTS,
  MODULES,
  NETWORK,
  RECOVERY_KEY,
  SYSCTLS,
} from './boot-folder.ts';

/** The content of a file of the workstation, which may have more bytes than memory. */
export interface FileContent {
  readonly file: string;
  readonly bytes: number;
}

/** One file to write, or to remove where it has no content. */
export interface Change {
  readonly name: string;
  readonly content: Buffer | FileContent | undefined;
}

/** What a person wants on the medium; what is undefined stays as it is. */
export interface Wanted {
  /** The bootstrap document. */
  readonly document: Buffer | undefined;
  /** All static pods, by their names on the node. */
  readonly manifests: ReadonlyMap<string, Buffer> | undefined;
  /** All archives of images, by their names on the medium. */
  readonly images: ReadonlyMap<string, FileContent> | undefined;
  /** The network file. */
  readonly network?: Buffer | undefined;
  /** Settings of the DHCP client for single network cards. */
  readonly dhcp?: Buffer | undefined;
  readonly arguments: WantedArguments | undefined;
  /** Settings of the kernel; without any there is no file. */
  readonly sysctls: { readonly text: Buffer | undefined } | undefined;
  /** All modules of the kernel, as a file system. */
  readonly modules: FileContent | undefined;
  /** Asks for encryption of the data partition. */
  readonly encrypt?: Buffer | undefined;
  /** Opens an encrypted data partition once. */
  readonly recoveryKey?: Buffer | undefined;
}

/** Words for the kernel command line; without any there is neither file. */
export interface WantedArguments {
  /** All of them, for init. */
  readonly text: Buffer | undefined;
  /** An addon with those that only the kernel can use. */
  readonly addon: Buffer | undefined;
  /** The whole kernel command lines of a board's systems, in place of an addon. */
  readonly commandLines?: ReadonlyMap<string, Buffer> | undefined;
}

/** Writes a file, or removes it if it is there and has no content. */
const settle = (
  name: string,
  content: Buffer | undefined,
  present: readonly string[],
): readonly Change[] =>
  content === undefined && !present.includes(name) ? [] : [{ name, content }];

/** Makes files all those of a folder. Others go first, which makes room. */
function settleFolder(
  folder: string,
  files: ReadonlyMap<string, Buffer | FileContent> | undefined,
  present: readonly string[],
): readonly Change[] {
  if (files === undefined) return [];
  const stale = present.filter(
    (name) => path.posix.dirname(name) === folder && !files.has(path.posix.basename(name)),
  );
  return [
    ...stale.map((name) => ({ name, content: undefined })),
    ...[...files].map(([name, content]) => ({ name: `${folder}/${name}`, content })),
  ];
}

const boardLines = ({ commandLines = new Map() }: WantedArguments): readonly Change[] =>
  [...commandLines].map(([name, content]) => ({ name, content }));

/**
 * Plans the changes to a medium that has the files `present`. The document comes last: it is what makes the rest count,
 * so a node that starts from a medium left half done joins no cluster.
 */
export function planChanges(wanted: Wanted, present: readonly string[]): Change[] {
  const changes: Change[] = [];
  changes.push(...settleFolder(IMAGES, wanted.images, present));
  changes.push(...settleFolder(MANIFESTS, wanted.manifests, present));
  if (wanted.modules !== undefined) changes.push({ name: MODULES, content: wanted.modules });
  if (wanted.network !== undefined) changes.push({ name: NETWORK, content: wanted.network });
  if (wanted.dhcp !== undefined) changes.push({ name: DHCP, content: wanted.dhcp });
  if (wanted.encrypt !== undefined) changes.push({ name: ENCRYPT, content: wanted.encrypt });
  if (wanted.recoveryKey !== undefined)
    changes.push({ name: RECOVERY_KEY, content: wanted.recoveryKey });
  if (wanted.arguments !== undefined)
    changes.push(
      ...settle(ADDON, wanted.arguments.addon, present),
      ...boardLines(wanted.arguments),
      ...settle(ARGUMENTS, wanted.arguments.text, present),
    );
  if (wanted.sysctls !== undefined) changes.push(...settle(SYSCTLS, wanted.sysctls.text, present));
  if (wanted.document !== undefined) changes.push({ name: DOCUMENT, content: wanted.document });
  return changes;
}

/** Says whether a medium has a file after the changes. */
export function isThereAfter(
  changes: readonly Change[],
  present: readonly string[],
  name: string,
): boolean {
  const change = changes.find((each) => each.name === name);
  return change === undefined ? present.includes(name) : change.content !== undefined;
}
