import * as v from 'valibot';

const Condition = v.object({
  type: v.string(),
  status: v.optional(v.string()),
  message: v.optional(v.string(), ''),
  lastHeartbeatTime: v.nullish(v.string()),
});
const Node = v.object({
  status: v.optional(v.object({ conditions: v.optional(v.array(Condition), []) })),
});

const Request = v.object({
  metadata: v.object({ name: v.string() }),
  spec: v.object({ request: v.string(), signerName: v.string(), username: v.optional(v.string()) }),
  status: v.optional(
    v.object({
      certificate: v.optional(v.string()),
      conditions: v.optional(v.array(Condition), []),
    }),
  ),
});
const Requests = v.object({ items: v.array(Request) });

function parse<const Schema extends v.GenericSchema>(
  schema: Schema,
  body: string,
): v.InferOutput<Schema> | undefined {
  try {
    const result = v.safeParse(schema, JSON.parse(body));
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}

/** `no network`: all is well but for the pod network, which the cluster has to bring. */
export type Readiness = 'ready' | 'no network' | 'not ready';

/**
 * What the API server thinks of a Node object; undefined when the body is no such object. It goes on calling a node ready for most of
 * a minute after its kubelet fell silent, so only what kubelet said after `since` (milliseconds of the node's clock) counts.
 */
export function readinessOf(body: string, since: number): Readiness | undefined {
  const node = parse(Node, body);
  if (node === undefined) return undefined;
  const ready = node.status?.conditions.find(({ type }) => type === 'Ready');
  if (ready === undefined || Date.parse(ready.lastHeartbeatTime ?? '') < since) return 'not ready';
  if (ready.status === 'True') return 'ready';
  return ready.message.includes('NetworkReady=false') ? 'no network' : 'not ready';
}

/** Whether a PKCS #10 request in base64 of PEM is for this subject; its name stands in it as plain text. */
function isFor(request: string, subject: string): boolean {
  const pem = atob(request.replaceAll(/\s+/g, ''));
  const body = /-----BEGIN CERTIFICATE REQUEST-----([^-]+)-----/.exec(pem)?.[1] ?? '';
  const der = atob(body.replaceAll(/\s+/g, ''));
  const at = der.indexOf(subject);
  // A DER string has its length before it: `node-1` is not the beginning of `node-10`.
  return at > 0 && der.codePointAt(at - 1) === subject.length;
}

const isOpen = (status: v.InferOutput<typeof Request>['status']): boolean =>
  status?.certificate === undefined && (status?.conditions ?? []).length === 0;

/** The node's certificate requests that nobody has decided on; undefined when the body is no list of requests. */
export function openRequests(
  body: string,
  signer: 'kube-apiserver-client-kubelet' | 'kubelet-serving',
  nodeName: string,
): readonly string[] | undefined {
  return parse(Requests, body)
    ?.items.filter(({ spec, status }) => {
      if (spec.signerName !== `kubernetes.io/${signer}` || !isOpen(status)) return false;
      try {
        return isFor(spec.request, `system:node:${nodeName}`);
      } catch {
        return false;
      }
    })
    .map(({ metadata }) => metadata.name);
}
