import * as v from 'valibot';

/*
 * What the CNI plugin kios-lan and the agent say to each other: one line of JSON each, on a connection of its own.
 * docs/host-api.md section 9; init/internal/lanplugin is the other side.
 */

/** Longer than a request about all pods that a node can have. */
export const MAX_REQUEST = 256 * 1024;

const link = v.pipe(v.string(), v.regex(/^[^/\s:]{1,15}$/, 'it is no name of a link'));
const mac = v.pipe(v.string(), v.regex(/^02(?::[0-9a-f]{2}){5}$/, 'it is no address of a pod'));
const word = v.pipe(v.string(), v.maxLength(253));

const attachment = v.object({
  /** Name of the CNI network. */
  network: word,
  /** The sandbox, which is another one each time a pod starts. */
  container: v.pipe(word, v.minLength(1)),
  /** Name of the interface in the pod. */
  interface: link,
  namespace: word,
  pod: v.pipe(word, v.minLength(1)),
});
export type Attachment = v.InferOutput<typeof attachment>;

const one = v.literal(1);

/** The requests by their commands. */
const Request = v.variant('command', [
  /** Which hardware address the pod gets. */
  v.object({ v: one, command: v.literal('prepare'), bridge: link, attachment }),
  /** An address for the pod with this hardware address. */
  v.object({
    v: one,
    command: v.literal('add'),
    bridge: link,
    attachment: v.object({ ...attachment.entries, mac }),
  }),
  /** The pod is connected by this port of the bridge. */
  v.object({
    v: one,
    command: v.literal('attach'),
    attachment: v.object({ ...attachment.entries, port: link }),
  }),
  v.object({ v: one, command: v.literal('check'), attachment }),
  v.object({ v: one, command: v.literal('delete'), attachment }),
  /** All interfaces that the runtime has in this network. */
  v.object({
    v: one,
    command: v.literal('gc'),
    network: word,
    valid: v.array(v.object({ containerID: word, ifname: word })),
  }),
  v.object({ v: one, command: v.literal('status'), bridge: link }),
]);
export type Request = v.InferOutput<typeof Request>;

/** A pod's interface that went while no agent listened. */
export const Note = attachment;

export interface Grant {
  readonly address: string;
  /** The host's address on the segment, for what only the host can reach. */
  readonly host?: string;
  /** A route without `via` leads to the segment itself. */
  readonly routes: readonly { readonly to: string; readonly via?: string }[];
  readonly dns: readonly string[];
  readonly search: readonly string[];
}

export type Reply =
  | Readonly<Record<string, never>>
  | { readonly mac: string; readonly acceptRa?: number }
  | Grant
  | { readonly error: { readonly code: string; readonly message: string } };

/** Reads a request; undefined when it is none. */
export function parseRequest(line: string): Request | undefined {
  let input: unknown;
  try {
    input = JSON.parse(line);
  } catch {
    return undefined;
  }
  const read = v.safeParse(Request, input);
  return read.success ? read.output : undefined;
}

export const formatReply = (reply: Readonly<Record<string, unknown>> | Reply): string =>
  `${JSON.stringify({ v: 1, ...reply })}\n`;
