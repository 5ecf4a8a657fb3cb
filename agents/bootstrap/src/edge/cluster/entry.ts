import type { ClusterAuth } from '../../core/cluster/auth.ts';
import type { ClusterConfig } from '../../core/cluster/cluster-config.ts';
import { expiryOfJwt } from '../../core/cluster/jwt.ts';
import { BootstrapError } from '../../core/faults/errors.ts';
import { readClientCertificate } from '../node/certificates.ts';
import type { ApiServer } from './api-server.ts';
import { openKube } from './kube-auth.ts';
import type { Access, Caller } from './kube-client.ts';
import { StatusError } from './status-error.ts';

/** Returns the document's credentials for a request; those of a program only kubelet can get. */
function callerOf(auth: ClusterAuth): Caller {
  if (auth.kind === 'token') return { token: `${auth.token.id}.${auth.token.secret}` };
  if (auth.kind !== 'user') return {};
  const { token } = auth.user;
  if (token !== undefined) return { token };
  const cert = auth.user['client-certificate-data'];
  const key = auth.user['client-key-data'];
  return cert === undefined || key === undefined
    ? {}
    : { client: { cert: atob(cert), key: atob(key) } };
}

/** Returns when credentials expire that say so themselves, in milliseconds since 1970. */
const expiryOf = ({ client, token }: Caller): number | undefined =>
  client === undefined ? expiryOfJwt(token ?? '') : readClientCertificate(client.cert)?.notAfter;

function refused(auth: ClusterAuth, caller: Caller): BootstrapError {
  const what = 'authenticate to the cluster';
  if (auth.kind === 'token')
    return new BootstrapError(
      'KIOS_BOOTSTRAP_TOKEN',
      `${what}: token ${auth.token.id} is unknown, expired or not for authentication`,
      {
        remedy:
          'Create a new token (`kubeadm token create --print-join-command`): those of kubeadm expire after 24 hours. One that is there needs the usage `authentication`.',
      },
    );
  const expiry = expiryOf(caller);
  const isOver = expiry !== undefined && expiry <= Date.now();
  return new BootstrapError(
    'KIOS_BOOTSTRAP_TOKEN',
    isOver
      ? `${what}: the credentials of the document expired at ${new Date(expiry).toISOString()}`
      : `${what}: it does not know the credentials of the document`,
    { remedy: 'Put credentials into the bootstrap document that this cluster accepts.' },
  );
}

/**
 * Fails when the API server refuses the document's credentials. `/version` is open to everybody, but with a wrong token
 * even it answers 401. A node that would leave its cluster needs a clear yes; a fresh one also takes a server that is
 * starting.
 */
export async function checkEntry(
  { auth }: ClusterConfig,
  api: ApiServer,
  access: Pick<Access, 'ca' | 'timeoutMs'>,
  isMove: boolean,
): Promise<void> {
  const caller = callerOf(auth);
  const kube = await openKube(api, { ...access, ...caller });
  try {
    await kube.version();
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    if (error.status === 401 && Object.keys(caller).length > 0) throw refused(auth, caller);
    if (isMove && error.status !== 403)
      throw new BootstrapError(
        'KIOS_BOOTSTRAP_UNREACHABLE',
        `use the API server: ${error.message}`,
        { remedy: 'Look at the API server: it is reached, and not ready to serve.' },
      );
  }
}
