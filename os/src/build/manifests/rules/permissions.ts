/** What a pod may have beyond an ordinary one. */
export interface Permissions {
  /** Capabilities that its containers may add. */
  readonly capabilities: readonly string[];
  /** Paths of the host that it may mount. */
  readonly hostPaths: Readonly<Record<string, 'read' | 'write'>>;
  readonly hostNetwork: boolean;
  readonly hostPID: boolean;
  readonly hostIPC: boolean;
  readonly hostPorts: readonly number[];
  readonly shareProcessNamespace: boolean;
  readonly sysctls: readonly string[];
  /** Whether its containers may run as uid 0. */
  readonly root: boolean;
  readonly writableRoot: boolean;
  /** Containers without a limit of memory. */
  readonly unlimitedMemory: readonly string[];
  /** Why it may do everything. Without a reason it may not. */
  readonly privileged: string | undefined;
}

export const NO_PERMISSIONS: Permissions = {
  capabilities: [],
  hostPaths: {},
  hostNetwork: false,
  hostPID: false,
  hostIPC: false,
  hostPorts: [],
  shareProcessNamespace: false,
  sysctls: [],
  root: false,
  writableRoot: false,
  unlimitedMemory: [],
  privileged: undefined,
};

/** What the static pods may do. */
export interface Policy {
  /** By `NAMESPACE/NAME`. */
  readonly pods: Readonly<Record<string, Permissions>>;
  /** Images that ship with the node. */
  readonly images: readonly string[];
  /** Only Kubernetes' rules bind the pods: what else would be a fault is reported and not refused. */
  readonly isOpen?: boolean;
}
