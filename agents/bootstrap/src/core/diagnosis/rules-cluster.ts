import type { Finding } from './catalogue.ts';
import type { ApiSign, Reach, Signs } from './signs.ts';

const unreachable = (endpoint: string, why: string): Finding => ({
  code: 'KIOS_FAULT_API_UNREACHABLE',
  cause: `reach ${endpoint}: ${why}`,
});

function refused(endpoint: string, shown: 'certificate' | 'token'): Finding {
  return shown === 'token'
    ? {
        code: 'KIOS_BOOTSTRAP_TOKEN',
        cause: `join ${endpoint}: it does not know the token, or the token has expired`,
        remedy: 'Create the bootstrap token again, or put a valid one into the bootstrap document.',
      }
    : {
        code: 'KIOS_FAULT_IDENTITY',
        cause: `speak to ${endpoint}: it does not accept the certificate of this node`,
      };
}

/** The remedy of whoever found the cause fits better than that of all such faults. */
const remedyOf = ({ remedy }: { readonly remedy?: string }): Pick<Finding, 'remedy'> =>
  remedy === undefined ? {} : { remedy };

/** Returns the fault of a connection to the API server. */
export function reachFault({ endpoint, reach }: ApiSign): Finding | undefined {
  switch (reach.kind) {
    case 'unnamed':
      return unreachable(endpoint, 'its name has no address');
    case 'silent':
      return unreachable(endpoint, 'it takes the connection and sends nothing');
    case 'closed':
    case 'other':
      return unreachable(endpoint, reach.why);
    case 'only small':
      return {
        code: 'KIOS_FAULT_MTU',
        cause: `reach ${endpoint}: small packets arrive, and full ones do not`,
      };
    case 'untrusted':
      return { code: 'KIOS_FAULT_API_CERTIFICATE', cause: reach.why, ...remedyOf(reach) };
    case 'other time':
      return { code: 'KIOS_FAULT_API_TIME', cause: reach.why, ...remedyOf(reach) };
    case 'refused':
      return refused(endpoint, reach.shown);
    case 'reached':
      return undefined;
  }
}

/** The faults of joining that say no more than the connection does. */
const OF_THE_CONNECTION: ReadonlySet<string> = new Set([
  'KIOS_BOOTSTRAP_UNREACHABLE',
  'KIOS_BOOTSTRAP_UNTRUSTED',
  'KIOS_BOOTSTRAP_MOVE',
  'KIOS_BOOTSTRAP_CLOCK',
  'KIOS_BOOTSTRAP_TOKEN',
]);

/** What a verification that failed at the time of the certificate says (OpenSSL's names of the causes). */
const OF_OTHER_TIME = /NOT_YET_VALID|HAS_EXPIRED/;

/** Returns the fault of joining, in the words that the connection's have; none that the next attempt will not find. */
function joinFault({ join, api }: Signs): Finding | undefined {
  if (join?.code === 'KIOS_BOOTSTRAP_UNREACHABLE' && api?.reach.kind === 'reached')
    return undefined;
  if (join?.code !== 'KIOS_BOOTSTRAP_UNTRUSTED') return join;
  const code = OF_OTHER_TIME.test(join.cause)
    ? 'KIOS_FAULT_API_TIME'
    : 'KIOS_FAULT_API_CERTIFICATE';
  return { code, cause: join.cause, ...remedyOf(join) };
}

/** Returns the faults between the node and its cluster, if its network is whole. */
export function clusterFaults(signs: Signs): readonly Finding[] {
  const reach = signs.api === undefined ? undefined : reachFault(signs.api);
  const join = joinFault(signs);
  const isSaid = reach !== undefined && OF_THE_CONNECTION.has(signs.join?.code ?? '');
  return [reach, isSaid ? undefined : join].filter((finding) => finding !== undefined);
}

const MINOR = /^v?1\.(\d+)\./;
const minorOf = (version: string | undefined): number | undefined => {
  const [, minor] = MINOR.exec(version ?? '') ?? [];
  return minor === undefined ? undefined : Number(minor);
};
/** https://kubernetes.io/releases/version-skew-policy: kubelet is never newer, and at most three releases older. */
const OLDEST_KUBELET = 3;

const versionOf = (reach: Reach | undefined): string | undefined =>
  reach?.kind === 'reached' ? reach.version : undefined;

function versionFault({ api, kubeletVersion }: Signs): Finding | undefined {
  const server = versionOf(api?.reach);
  const [theirs, ours] = [minorOf(server), minorOf(kubeletVersion)];
  if (theirs === undefined || ours === undefined) return undefined;
  if (ours <= theirs && theirs - ours <= OLDEST_KUBELET) return undefined;
  const how = ours > theirs ? 'newer than' : 'too old for';
  return {
    code: 'KIOS_FAULT_VERSION_SKEW',
    cause: `run kubelet ${kubeletVersion} in this cluster: it is ${how} its API server ${server}`,
  };
}

/** A line of the console has room for so many names of requests. */
const NAMED = 3;

function requestFault({ requests }: Signs): Finding | undefined {
  if (requests.length === 0) return undefined;
  const names = requests.slice(0, NAMED);
  const more = requests.length - names.length;
  const [others, rest] = more === 0 ? ['', ''] : [` and ${more} more`, ` (and ${more} more)`];
  return {
    code: 'KIOS_FAULT_CSR',
    cause: `get a certificate: nobody has approved ${names.join(', ')}${others}`,
    remedy: `Run: kubectl certificate approve ${names.join(' ')}${rest}.`,
  };
}

function expiryFault({ certificate }: Signs): Finding | undefined {
  if (certificate === undefined || certificate.notAfter > certificate.now) return undefined;
  const when = new Date(certificate.notAfter).toISOString();
  return {
    code: 'KIOS_FAULT_CERTIFICATE_EXPIRED',
    cause: `speak to the cluster: the certificate of this node expired at ${when}`,
  };
}

const nameFault = ({ isNameTaken }: Signs): Finding | undefined =>
  isNameTaken
    ? {
        code: 'KIOS_FAULT_NAME_TAKEN',
        cause: 'be this node: another machine has joined under the same name',
      }
    : undefined;

/** Returns the faults of a node's membership, whatever state its network is in. */
export const memberFaults = (signs: Signs): readonly Finding[] =>
  [versionFault, requestFault, expiryFault, nameFault]
    .map((rule) => rule(signs))
    .filter((finding) => finding !== undefined);
