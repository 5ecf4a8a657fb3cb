/** A place in a document: keys and positions in lists. */
export type Path = readonly (string | number)[];

/** A fault of a document, with what is wrong there and how to mend it as a full sentence. */
export interface Fault {
  /** Counts from 1. */
  readonly line: number;
  readonly path: string;
  readonly what: string;
  readonly remedy: string;
}

/** A fault whose line is not known yet. */
export interface Finding {
  readonly path: Path;
  readonly what: string;
  readonly remedy: string;
}

export type Report = (path: Path, what: string, remedy: string) => void;

/** Formats a path as people write it: `network.ethernets.eth0.addresses[0]`. */
export function formatPath(path: Path): string {
  let text = '';
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`;
    else if (/^[\w-]+$/.test(key)) text += text === '' ? key : `.${key}`;
    else text += `[${JSON.stringify(key)}]`;
  }
  return text === '' ? '(top)' : text;
}

/** Makes a key of a map from a path; keys may have dots in them. */
export const pathKey = (path: Path): string => JSON.stringify(path);
