import * as v from 'valibot';

/** The API server writes null for a time that was never set. */
const text = v.nullish(v.string());

const Condition = v.object({
  type: v.string(),
  status: v.string(),
  reason: text,
  message: text,
  lastHeartbeatTime: text,
});
export type Condition = v.InferOutput<typeof Condition>;

/** The part of a Node that is read here. */
export const NodeObject = v.object({
  status: v.optional(
    v.object({
      conditions: v.nullish(v.array(Condition)),
      /** Of the machine whose kubelet wrote the status last. */
      nodeInfo: v.optional(v.object({ machineID: v.optional(v.string()) })),
    }),
  ),
});
export type NodeObject = v.InferOutput<typeof NodeObject>;

/** The part of a certificate request that is read here. */
interface Request {
  readonly metadata?: { readonly name?: string };
  readonly spec: { readonly request: string; readonly signerName: string };
  readonly status?: { readonly certificate?: string; readonly conditions?: readonly unknown[] };
}

/** `no network`: only the pod network is missing, which the cluster has to provide. */
export type Readiness = 'ready' | 'no network' | 'not ready';

const isBefore = ({ lastHeartbeatTime }: Condition, since: number): boolean =>
  Date.parse(lastHeartbeatTime ?? '') < since;

/**
 * Returns the readiness of a Node. The API server keeps a silent node ready for most of a minute, so only kubelet's
 * heartbeats after `since` (milliseconds of the node's clock) count.
 */
export function readinessOf({ status }: NodeObject, since: number): Readiness {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready === undefined || isBefore(ready, since)) return 'not ready';
  if (ready.status === 'True') return 'ready';
  return ready.message?.includes('NetworkReady=false') === true ? 'no network' : 'not ready';
}

/** Returns whether a PKCS #10 request, base64 of PEM, is for this subject, whose name it contains as plain text. */
function isFor(request: string, subject: string): boolean {
  const pem = atob(request.replaceAll(/\s+/g, ''));
  const body = /-----BEGIN CERTIFICATE REQUEST-----([^-]+)-----/.exec(pem)?.[1] ?? '';
  const der = atob(body.replaceAll(/\s+/g, ''));
  const at = der.indexOf(subject);
  // A DER string follows its length, so `node-1` does not match `node-10`.
  return at > 0 && der.codePointAt(at - 1) === subject.length;
}

const isOpen = ({ status }: Request): boolean =>
  status?.certificate === undefined && (status?.conditions ?? []).length === 0;

/** The signers of kubelet's client certificate and of its serving certificate. */
export const SIGNERS = {
  client: 'kubernetes.io/kube-apiserver-client-kubelet',
  serving: 'kubernetes.io/kubelet-serving',
} as const;
export type Signer = (typeof SIGNERS)[keyof typeof SIGNERS];

/** Returns the names of the node's undecided certificate requests. */
export function openRequests(
  requests: readonly Request[],
  signer: Signer,
  nodeName: string,
): readonly string[] {
  return requests
    .filter((request) => {
      if (request.spec.signerName !== signer || !isOpen(request)) return false;
      try {
        return isFor(request.spec.request, `system:node:${nodeName}`);
      } catch {
        return false;
      }
    })
    .map(({ metadata }) => metadata?.name ?? '');
}
