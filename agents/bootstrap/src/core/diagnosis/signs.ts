/** A network card of the machine. */
export interface Card {
  readonly name: string;
  /** Something is connected to it. */
  readonly hasCarrier: boolean;
}

/** A machine of the network that was asked, and whether it replied. */
export interface Asked {
  readonly address: string;
  readonly replies: boolean;
}

/** How far a connection to the API server came; `why` is for people. */
export type Reach =
  /** Its name has no address. */
  | { readonly kind: 'unnamed' }
  /** Nobody takes the connection. */
  | { readonly kind: 'closed'; readonly why: string }
  /** Somebody takes it and sends nothing, not even a few bytes. */
  | { readonly kind: 'silent' }
  /** A reply of a few bytes arrives, and one that fills packets does not. */
  | { readonly kind: 'only small' }
  | { readonly kind: 'untrusted'; readonly why: string; readonly remedy?: string }
  /** Its certificate is expired or not yet valid, at this node's time. */
  | { readonly kind: 'other time'; readonly why: string; readonly remedy?: string }
  /** It takes the connection, and not what the node shows it. */
  | { readonly kind: 'refused'; readonly shown: 'certificate' | 'token' }
  | { readonly kind: 'other'; readonly why: string }
  | { readonly kind: 'reached'; readonly version?: string };

export interface ApiSign {
  readonly endpoint: string;
  readonly reach: Reach;
}

/** A fault that another part of the node has put into words. */
export interface Said {
  readonly code: string;
  readonly cause: string;
  readonly remedy?: string;
}

/** Why kubelet cannot start a pod, as it says each time that it tries. */
export type PodTrouble =
  | 'crashing'
  | 'image missing'
  | 'image corrupt'
  | 'image refused'
  | 'registry unreached';

export interface PodSign {
  /** `NAMESPACE/NAME`. */
  readonly pod: string;
  readonly trouble: PodTrouble;
  readonly why: string;
}

/** A pod of which the kernel has ended or refused processes lately. */
export interface Exhausted {
  readonly pod: string;
  readonly limit: string;
}

/** The file system that holds the node's state. */
export interface Disk {
  readonly device: string;
  /** Shares of all blocks and of all inodes that are free, 0 to 1. */
  readonly free: number;
  readonly freeInodes: number;
  readonly isReadOnly: boolean;
  /** Faults that the file system has recorded. */
  readonly errors: number;
}

export interface UpdateSign {
  readonly version: string;
  /** The running system is not confirmed yet. */
  readonly isTrial: boolean;
  /** The system that the machine came back from. */
  readonly failed: { readonly generation: number; readonly why: string } | undefined;
}

/** What the parts of a node say at one time. What is undefined or empty has not been said, and is no fault. */
export interface Signs {
  readonly cards: readonly Card[];
  readonly hasAddress: boolean;
  /** Addresses that other machines of the network have too, according to the DHCP client of late. */
  readonly hasConflict: boolean;
  readonly gateway: Asked | undefined;
  readonly nameServers: readonly Asked[];
  readonly hasPodNetwork: boolean;
  readonly api: ApiSign | undefined;
  /** The fault of the last attempt to join. */
  readonly join: Said | undefined;
  /** Certificate requests that nobody has decided, though an approver had time. */
  readonly requests: readonly string[];
  /** Another machine has written to this node's object of late. */
  readonly isNameTaken: boolean;
  readonly kubeletVersion: string | undefined;
  /** When the node's certificate expires, and the time now, in milliseconds. */
  readonly certificate: { readonly notAfter: number; readonly now: number } | undefined;
  readonly kubelet:
    | { readonly earlyEnds: number; readonly dropInsIgnored: boolean; readonly why?: string }
    | undefined;
  readonly isRuntimeSilent: boolean;
  readonly clock: { readonly sane: boolean; readonly synced: boolean } | undefined;
  readonly disk: Disk | undefined;
  /** Whether a data partition is there and cannot be used. */
  readonly isDataFailed: boolean;
  /** Names of disks that refuse to be written. */
  readonly protectedDisks: readonly string[];
  /** What init says of the systems on the medium, where they can be replaced. */
  readonly update: UpdateSign | undefined;
  readonly modules: readonly { readonly name: string; readonly why: string }[];
  readonly pods: readonly PodSign[];
  readonly outOfMemory: readonly Exhausted[];
  readonly outOfProcesses: readonly Exhausted[];
  /** What init has said of this boot, by code. */
  readonly init: readonly Said[];
}

/** The signs of which nobody has said anything. */
export const NO_SIGNS: Signs = {
  cards: [],
  hasAddress: false,
  hasConflict: false,
  gateway: undefined,
  nameServers: [],
  hasPodNetwork: true,
  api: undefined,
  join: undefined,
  requests: [],
  isNameTaken: false,
  kubeletVersion: undefined,
  certificate: undefined,
  kubelet: undefined,
  isRuntimeSilent: false,
  clock: undefined,
  disk: undefined,
  isDataFailed: false,
  protectedDisks: [],
  update: undefined,
  modules: [],
  pods: [],
  outOfMemory: [],
  outOfProcesses: [],
  init: [],
};
