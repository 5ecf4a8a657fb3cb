/** What of the API's objects is read here. */
interface Condition {
  readonly type: string;
  readonly status: string;
  readonly message?: string;
  readonly lastHeartbeatTime?: Date;
}

interface Node {
  readonly status?: { readonly conditions?: readonly Condition[] };
}

interface Request {
  readonly metadata?: { readonly name?: string };
  readonly spec: { readonly request: string; readonly signerName: string };
  readonly status?: { readonly certificate?: string; readonly conditions?: readonly unknown[] };
}

/** `no network`: all is well but for the pod network, which the cluster has to bring. */
export type Readiness = 'ready' | 'no network' | 'not ready';

const isBefore = ({ lastHeartbeatTime }: Condition, since: number): boolean =>
  lastHeartbeatTime !== undefined && lastHeartbeatTime.getTime() < since;

/**
 * What the API server thinks of a Node. It goes on calling a node ready for most of a minute after its kubelet fell silent, so only what
 * kubelet said after `since` (milliseconds of the node's clock) counts.
 */
export function readinessOf({ status }: Node, since: number): Readiness {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready === undefined || isBefore(ready, since)) return 'not ready';
  if (ready.status === 'True') return 'ready';
  return ready.message?.includes('NetworkReady=false') === true ? 'no network' : 'not ready';
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

const isOpen = ({ status }: Request): boolean =>
  status?.certificate === undefined && (status?.conditions ?? []).length === 0;

/** kubelet's client certificate is signed by the first, the one it serves with by the second. */
export const SIGNERS = {
  client: 'kubernetes.io/kube-apiserver-client-kubelet',
  serving: 'kubernetes.io/kubelet-serving',
} as const;
export type Signer = (typeof SIGNERS)[keyof typeof SIGNERS];

/** The names of the node's certificate requests that nobody has decided on. */
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
