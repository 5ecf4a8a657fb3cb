/** The conditions of a Node in which its faults are gathered. `True` means that none of its kind is known. */
export const CONDITIONS = [
  'KiosNetwork',
  'KiosClock',
  'KiosStorage',
  'KiosBootstrap',
  'KiosUpdate',
] as const;
export type ConditionType = (typeof CONDITIONS)[number];

/** What is known of a fault before it happens. */
export interface Entry {
  readonly condition: ConditionType;
  /** The reason of the condition and of the Event, in one word. */
  readonly reason: string;
  readonly remedy: string;
  /** Seconds for which the signs must be there: as long as a healthy node may show them. */
  readonly afterSeconds: number;
  /** Seconds for which the signs must be gone before the fault is over; see `CALM_SECONDS`. */
  readonly calmSeconds?: number;
}

/** So that a fault that comes and goes is one fault. */
export const CALM_SECONDS = 15;
/** kubelet repeats its complaints with pauses that grow. */
const KUBELETS_PAUSE_SECONDS = 45;

/**
 * The faults that are told by signs, each with a row in docs/errors.md. Probes run every 20 s, or 10 s in trouble: two
 * in a row must fail.
 */
export const CATALOGUE = {
  KIOS_FAULT_NO_CARD: {
    condition: 'KiosNetwork',
    reason: 'NoNetworkCard',
    remedy: 'Use a card with a driver of this image, or give the node modules.erofs of its build.',
    afterSeconds: 20,
  },
  KIOS_FAULT_NO_CARRIER: {
    condition: 'KiosNetwork',
    reason: 'NoCarrier',
    remedy: 'Check the cable and the port of the switch.',
    afterSeconds: 10,
  },
  KIOS_FAULT_ADDRESS_TAKEN: {
    condition: 'KiosNetwork',
    reason: 'AddressTaken',
    remedy: 'Find the other machine, or take its address out of the range of the DHCP server.',
    afterSeconds: 0,
  },
  KIOS_FAULT_NO_OFFER: {
    condition: 'KiosNetwork',
    reason: 'NoOffer',
    remedy: 'Check that a DHCP server serves this network, or give the node a fixed address.',
    afterSeconds: 25,
  },
  KIOS_FAULT_GATEWAY_SILENT: {
    condition: 'KiosNetwork',
    reason: 'GatewaySilent',
    remedy: 'Check the router, and that the DHCP server or the network file names the right one.',
    // The kernel has asked three times.
    afterSeconds: 0,
  },
  KIOS_FAULT_DNS_DEAD: {
    condition: 'KiosNetwork',
    reason: 'NameServersSilent',
    remedy: 'Check the name servers, and those that the DHCP server or the network file names.',
    afterSeconds: 8,
  },
  KIOS_FAULT_MTU: {
    condition: 'KiosNetwork',
    reason: 'LargePacketsLost',
    remedy: 'Lower the MTU (DHCP option 26 or the network file), or let ICMP pass the firewalls.',
    afterSeconds: 8,
  },
  KIOS_FAULT_PROXY: {
    condition: 'KiosNetwork',
    reason: 'RegistryUnreached',
    remedy:
      'Let the node reach the registry, or give its document a `proxy`, or a mirror within the network in `registries`.',
    afterSeconds: 0,
    calmSeconds: KUBELETS_PAUSE_SECONDS,
  },
  KIOS_FAULT_CNI: {
    condition: 'KiosNetwork',
    reason: 'NoPodNetwork',
    remedy: 'Install a network plugin in the cluster, or put the pod cni back.',
    afterSeconds: 20,
  },
  KIOS_FAULT_API_UNREACHABLE: {
    condition: 'KiosBootstrap',
    reason: 'ApiServerUnreachable',
    remedy: 'Start the API server, and check the endpoint and the firewalls between.',
    afterSeconds: 8,
  },
  KIOS_FAULT_API_CERTIFICATE: {
    condition: 'KiosBootstrap',
    reason: 'ApiServerUntrusted',
    remedy: 'Check that the endpoint is that of the cluster, and compare caCertHashes or caBundle.',
    afterSeconds: 8,
  },
  KIOS_FAULT_API_TIME: {
    condition: 'KiosClock',
    reason: 'CertificateOfOtherTime',
    remedy: 'Compare the clock of the node with the validity of the certificate, and correct one.',
    afterSeconds: 8,
  },
  KIOS_FAULT_IDENTITY: {
    condition: 'KiosBootstrap',
    reason: 'NodeRefused',
    remedy: 'Put a new token into the document: the CA that signed the certificate has changed.',
    afterSeconds: 8,
  },
  KIOS_FAULT_CSR: {
    condition: 'KiosBootstrap',
    reason: 'RequestNotApproved',
    remedy: 'Approve the request: kubectl certificate approve NAME.',
    afterSeconds: 0,
  },
  KIOS_FAULT_NAME_TAKEN: {
    condition: 'KiosBootstrap',
    reason: 'NameTaken',
    remedy: 'Give one of the two machines another name with `node.name`.',
    afterSeconds: 0,
    calmSeconds: 120,
  },
  KIOS_FAULT_VERSION_SKEW: {
    condition: 'KiosBootstrap',
    reason: 'VersionSkew',
    remedy: 'Update the control plane, or use an image whose kubelet fits it.',
    afterSeconds: 0,
  },
  KIOS_FAULT_CERTIFICATE_EXPIRED: {
    condition: 'KiosBootstrap',
    reason: 'CertificateExpired',
    remedy: 'Put a new token into the bootstrap document; the node then joins again by itself.',
    afterSeconds: 20,
  },
  KIOS_FAULT_KUBELET: {
    condition: 'KiosBootstrap',
    reason: 'KubeletEnds',
    remedy: 'Read /run/kios/log/kubelet.log, and take back the last change of the document.',
    afterSeconds: 0,
  },
  KIOS_FAULT_RUNTIME: {
    condition: 'KiosBootstrap',
    reason: 'RuntimeSilent',
    remedy: 'Read /run/kios/log/containerd.log; a reboot starts containerd afresh.',
    afterSeconds: 15,
  },
  KIOS_FAULT_MODULE: {
    condition: 'KiosBootstrap',
    reason: 'ModuleRefused',
    remedy: 'Use modules of the same build as the kernel, and check their parameters.',
    afterSeconds: 5,
  },
  KIOS_FAULT_IMAGE_MISSING: {
    condition: 'KiosBootstrap',
    reason: 'ImageMissing',
    remedy: 'Correct the name of the image in the manifest, or publish the image.',
    afterSeconds: 0,
    calmSeconds: KUBELETS_PAUSE_SECONDS,
  },
  KIOS_FAULT_IMAGE_CORRUPT: {
    condition: 'KiosBootstrap',
    reason: 'ImageCorrupt',
    remedy: 'Push the image again, or flash the medium again if the image ships with the node.',
    afterSeconds: 0,
    calmSeconds: KUBELETS_PAUSE_SECONDS,
  },
  KIOS_FAULT_IMAGE_DENIED: {
    condition: 'KiosBootstrap',
    reason: 'ImageDenied',
    remedy: 'Put valid credentials of that registry into `registries` of the bootstrap document.',
    afterSeconds: 0,
    calmSeconds: KUBELETS_PAUSE_SECONDS,
  },
  KIOS_FAULT_CRASH_LOOP: {
    condition: 'KiosBootstrap',
    reason: 'PodCrashes',
    remedy: 'Read the log of the pod, and correct its manifest.',
    afterSeconds: 12,
    calmSeconds: KUBELETS_PAUSE_SECONDS,
  },
  KIOS_FAULT_OOM: {
    condition: 'KiosBootstrap',
    reason: 'OutOfMemory',
    remedy: 'Raise the memory limit of the pod, or give the machine more memory.',
    afterSeconds: 0,
  },
  KIOS_FAULT_PIDS: {
    condition: 'KiosBootstrap',
    reason: 'OutOfProcesses',
    remedy: 'Find out why the pod starts so many processes, or raise podPidsLimit.',
    afterSeconds: 0,
  },
  KIOS_FAULT_CLOCK_WRONG: {
    condition: 'KiosClock',
    reason: 'ClockWrong',
    remedy: 'Set the clock of the machine, or give the network a time server (DHCP option 42).',
    afterSeconds: 10,
  },
  KIOS_FAULT_CLOCK_UNSYNCED: {
    condition: 'KiosClock',
    reason: 'NoTimeSource',
    remedy: 'Give the network a time server (DHCP option 42), or name one in time.yaml.',
    // chronyd takes half a minute where a board is slow.
    afterSeconds: 30,
  },
  KIOS_FAULT_DISK_FULL: {
    condition: 'KiosStorage',
    reason: 'DiskFull',
    remedy: 'Remove what pods and images do not need, or use a larger disk.',
    afterSeconds: 15,
  },
  KIOS_FAULT_DATA_DAMAGED: {
    condition: 'KiosStorage',
    reason: 'DataPartitionDamaged',
    remedy: 'Repair its ext4 file system on another machine (e2fsck), or replace the disk.',
    afterSeconds: 0,
  },
  KIOS_FAULT_READ_ONLY: {
    condition: 'KiosStorage',
    reason: 'MediumReadOnly',
    remedy: 'Open the lock of the card, or replace it: a worn-out card refuses to be written.',
    afterSeconds: 0,
  },
  KIOS_FAULT_UPDATE: {
    condition: 'KiosUpdate',
    reason: 'CameBack',
    remedy: 'Read docs/update.md; publish another system, or let the node try that one again.',
    // Init has tried three times.
    afterSeconds: 0,
  },
} as const satisfies Record<string, Entry>;

export type FaultCode = keyof typeof CATALOGUE;

/** A fault for which the signs are there. */
export interface Finding {
  readonly code: string;
  /** Reads well after "cannot": `verb object: why`. */
  readonly cause: string;
  /** In place of that of the catalogue. */
  readonly remedy?: string;
}

const isKnown = (code: string): code is FaultCode => code in CATALOGUE;

/** Codes of other parts that are about something else than the cluster. */
const CONDITION_OF_OTHERS: Readonly<Record<string, ConditionType>> = {
  KIOS_BOOTSTRAP_CLOCK: 'KiosClock',
  KIOS_INIT_DATA: 'KiosStorage',
  KIOS_INIT_DATA_TWICE: 'KiosStorage',
  KIOS_INIT_CRYPT_MAKE: 'KiosStorage',
  KIOS_INIT_CRYPT_SYSTEM: 'KiosStorage',
  KIOS_INIT_CRYPT_WORDS: 'KiosStorage',
  KIOS_INIT_CRYPT_TPM: 'KiosStorage',
  KIOS_INIT_CRYPT_HEADER: 'KiosStorage',
  KIOS_INIT_STORE: 'KiosStorage',
};

const inOneWord = (code: string): string =>
  code
    .replace(/^KIOS_(?:INIT|BOOTSTRAP)_/, '')
    .toLowerCase()
    .replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** The first attempt to join may come before what it needs. */
const JOIN_SECONDS = 8;

/** Returns what is known of a fault; init has waited before it puts one into words. */
export function entryOf({ code, remedy }: Finding): Entry {
  if (isKnown(code)) return CATALOGUE[code];
  const condition = CONDITION_OF_OTHERS[code] ?? 'KiosBootstrap';
  const text = remedy ?? 'Read the log of the agent bootstrap.';
  const afterSeconds = code.startsWith('KIOS_INIT_') ? 0 : JOIN_SECONDS;
  return { condition, reason: inOneWord(code), remedy: text, afterSeconds };
}
