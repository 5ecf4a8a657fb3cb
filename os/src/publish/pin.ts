import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import { isScalar, type Pair, parseDocument, type Scalar, visit, type YAMLMap } from 'yaml';

import { manifestsDir, readManifests, shippedName } from '../build/manifests/read.ts';

/** The images of the node: the name that sources use → the published reference with tag and digest. */
export type Pins = ReadonlyMap<string, string>;

interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

const editOf = ({ range }: Scalar, text: string): Edit[] =>
  range === undefined || range === null ? [] : [{ from: range[0], to: range[1], text }];

function scalarAt(map: YAMLMap, key: string): Scalar | undefined {
  const found = map.items.find((pair: Pair) => isScalar(pair.key) && pair.key.value === key)?.value;
  return isScalar(found) ? found : undefined;
}

function editsIn(map: YAMLMap, pins: Pins): Edit[] {
  const edits: Edit[] = [];
  for (const key of ['image', 'reference']) {
    const image = scalarAt(map, key);
    const pinned = typeof image?.value === 'string' ? pins.get(image.value) : undefined;
    if (image === undefined || pinned === undefined) continue;
    edits.push(...editOf(image, pinned));
    const policy = scalarAt(map, key === 'image' ? 'imagePullPolicy' : 'pullPolicy');
    // The node pulls an image that does not ship with it.
    if (policy?.value === 'Never') edits.push(...editOf(policy, 'IfNotPresent'));
  }
  return edits;
}

/** Returns the text of a manifest with published images in the place of shipped ones; all else stays as it is. */
export function pinManifest(text: string, pins: Pins): string {
  const edits: Edit[] = [];
  visit(parseDocument(text), {
    Map: (_, map) => void edits.push(...editsIn(map, pins)),
  });
  let pinned = text;
  for (const { from, to, text: value } of edits.toSorted((a, b) => b.from - a.from))
    pinned = pinned.slice(0, from) + value + pinned.slice(to);
  return pinned;
}

/** Checks the folder for pinned manifests before anything is sent. */
export function checkPinFolder(folder: string): void {
  if (path.resolve(folder) !== manifestsDir) return;
  throw new KiosError(
    'KIOS_PUBLISH_PIN',
    `write pinned manifests to ${folder}: it is their source`,
    {
      exitCode: EXIT.usage,
      remedy: 'Name another folder, which gets a copy.',
    },
  );
}

/** Writes a copy of the manifests whose images are published ones by digest. Returns the files. */
export async function writePinned(folder: string, pins: Pins, from?: string): Promise<string[]> {
  const files = await readManifests(from);
  await mkdir(folder, { recursive: true });
  const written: string[] = [];
  for (const { name, text } of files) {
    const file = path.join(folder, shippedName(name));
    await writeFile(`${file}.tmp`, pinManifest(text, pins));
    await rename(`${file}.tmp`, file);
    written.push(file);
  }
  return written;
}
