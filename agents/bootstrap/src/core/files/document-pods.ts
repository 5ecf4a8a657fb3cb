import type { Warning } from '../document/parsed-document.ts';
import type { FileSpec } from '../document/schema.ts';

const FOLDER = '/etc/kubernetes/manifests/';

/** A static pod among the files of a document. */
export interface DocumentPod {
  /** Its place in the document, such as `files.0`. */
  readonly at: string;
  /** Its name in kubelet's folder. */
  readonly name: string;
  readonly text: string;
}

/** The static pods of a document, and its files in their folder that no program reads. */
export interface DocumentPods {
  readonly pods: readonly DocumentPod[];
  readonly warnings: readonly Warning[];
}

const decode = (base64: string): string =>
  new TextDecoder().decode(Uint8Array.from(atob(base64), (char) => char.codePointAt(0) ?? 0));

/** Returns what a file of a document holds, as text. */
export const contentOf = ({ content, contentBase64 }: FileSpec): string =>
  content ?? decode(contentBase64 ?? '');

/** Why kubelet reads no file of this name in its folder. */
function unreadBecause(name: string): string | undefined {
  if (name.includes('/')) return 'is in a folder below that of the static pods, where kubelet does not look';
  return name.startsWith('.') ? 'begins with a dot, and kubelet does not read such names' : undefined;
} // prettier-ignore

/** Finds the static pods of a document. An empty file takes a pod of the image away. */
export function documentPods(files: readonly FileSpec[]): DocumentPods {
  const [pods, warnings]: [DocumentPod[], Warning[]] = [[], []];
  for (const [index, file] of files.entries()) {
    const { path } = file;
    if (!path.startsWith(FOLDER)) continue;
    const [at, name] = [`files.${index}`, path.slice(FOLDER.length)];
    const text = contentOf(file);
    const why =
      unreadBecause(name) ??
      (text.trim() === '' ? 'is empty: no pod of this name runs' : undefined);
    if (why === undefined) pods.push({ at, name, text });
    else warnings.push({ path: at, why: `${name} ${why}` });
  }
  return { pods, warnings };
}
