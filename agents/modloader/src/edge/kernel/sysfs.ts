import { readdirSync, readFileSync } from 'node:fs';

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    // Devices come and go while they are read.
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

/** Every MODALIAS of an `uevent` file: ACPI devices have two. */
export const modaliases = (uevent: string): string[] =>
  uevent.split('\n').flatMap((line) => (line.startsWith('MODALIAS=') ? [line.slice(9)] : []));

/** Devices that sit on a bus: a flat list, where the full tree has thousands of folders without any alias. */
export function* busAliases(sys = '/sys'): Generator<string> {
  for (const bus of list(`${sys}/bus`)) {
    const devices = `${sys}/bus/${bus}/devices`;
    for (const device of list(devices)) {
      const alias = read(`${devices}/${device}/modalias`).trim();
      if (alias !== '') yield alias;
    }
  }
}

/** Every device below `dir`, without following links. */
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
