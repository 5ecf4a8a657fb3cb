import { readdirSync, readFileSync } from 'node:fs';

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    // A device may disappear while it is read.
    return '';
  }
}

function list(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

/** Returns every MODALIAS in a `uevent` file: ACPI devices have two. */
export const modaliases = (uevent: string): string[] =>
  uevent.split('\n').flatMap((line) => (line.startsWith('MODALIAS=') ? [line.slice(9)] : []));

/** Yields the aliases of devices on buses: short lists, while the full tree has thousands of folders without alias. */
export function* busAliases(sys = '/sys'): Generator<string> {
  for (const bus of list(`${sys}/bus`)) {
    const devices = `${sys}/bus/${bus}/devices`;
    for (const device of list(devices)) {
      const alias = read(`${devices}/${device}/modalias`).trim();
      if (alias !== '') yield alias;
    }
  }
}

/** Yields the aliases of all devices below `dir`, without following links. */
export function* treeAliases(dir = '/sys/devices'): Generator<string> {
  let entries;
  try {
    entries = readdirSync(dir, { withFileTypes: true });
  } catch {
    return;
  }
  for (const entry of entries) {
    const path = `${dir}/${entry.name}`;
    if (entry.isDirectory()) yield* treeAliases(path);
    else if (entry.name === 'uevent') yield* modaliases(read(path));
    else if (entry.name === 'modalias') yield read(path).trim();
  }
}
