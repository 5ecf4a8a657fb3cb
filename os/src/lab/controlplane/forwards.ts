import * as v from 'valibot';

import { readIfThere, writePrivate } from '../../workstation/files.ts';

const port = '([1-9]\\d{0,4})';
/** The table's name for all targets that it does not have: their port is that of a proxy on a node. */
export const OTHERS = '*';

/** The loopback port of each node's kubelet: `{"10.0.2.15:10250": "127.0.0.1:34567"}`. */
const Forwards = v.record(
  v.string(),
  v.pipe(v.string(), v.regex(new RegExp(`^127\\.0\\.0\\.1:${port}$`, 'u'))),
);
export type Forwards = v.InferOutput<typeof Forwards>;

/** The port that every kubelet serves on. */
const KUBELET_PORT = 10250;

export async function readForwards(file: string): Promise<Forwards> {
  const text = await readIfThere(file);
  return text === undefined ? {} : v.parse(Forwards, JSON.parse(text));
}

/**
 * Forwards connections for the kubelet at `nodeAddress` to `localPort` of 127.0.0.1; undefined removes the entry. Those
 * for `OTHERS` go through the HTTP proxy there.
 */
export async function writeForward(
  file: string,
  nodeAddress: string,
  localPort: number | undefined,
): Promise<void> {
  const host = nodeAddress.includes(':') ? `[${nodeAddress}]` : nodeAddress;
  const key = nodeAddress === OTHERS ? OTHERS : `${host}:${KUBELET_PORT}`;
  const { [key]: _, ...others } = await readForwards(file).catch((): Forwards => ({}));
  const next = localPort === undefined ? others : { ...others, [key]: `127.0.0.1:${localPort}` };
  await writePrivate(file, `${JSON.stringify(v.parse(Forwards, next))}\n`);
}
