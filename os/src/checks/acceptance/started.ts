/** Lines of containerd's log, in which quotes within a message are escaped. */
const SANDBOX =
  /RunPodSandbox for name:\\"([^"\\]+)\\"\s+uid:\\"([^"\\]+)\\".* returns sandbox id \\"(\w+)\\"/;
const CREATED =
  /CreateContainer within sandbox \\"(\w+)\\" for name:\\"([^"\\]+)\\".* returns container id \\"(\w+)\\"/;
const STARTED = /StartContainer for \\"(\w+)\\" returns successfully/;
/** Kubelet's start after the node has joined. */
const JOINED = /^init: .*"ev":"kubelet\.start".*"mode":"cluster"/;

/** A container that has run. */
export interface StartedContainer {
  readonly pod: string;
  readonly podUid: string;
  readonly sandbox: string;
  readonly name: string;
  readonly id: string;
}

type Sandbox = Pick<StartedContainer, 'pod' | 'podUid' | 'sandbox'>;

/** Follows containerd's log. A container whose start was interrupted is not among the started ones. */
class Journal {
  readonly started: StartedContainer[] = [];
  readonly #sandboxes = new Map<string, Sandbox>();
  readonly #created = new Map<string, StartedContainer>();

  read(line: string): void {
    const [, pod, podUid, sandbox] = SANDBOX.exec(line) ?? [];
    if (pod !== undefined && podUid !== undefined && sandbox !== undefined)
      this.#sandboxes.set(sandbox, { pod, podUid, sandbox });
    this.#readCreated(line);
    const container = this.#created.get(STARTED.exec(line)?.[1] ?? '');
    if (container !== undefined) this.started.push(container);
  }

  #readCreated(line: string): void {
    const [, within = '', name = '', id = ''] = CREATED.exec(line) ?? [];
    const sandbox = this.#sandboxes.get(within);
    if (sandbox !== undefined) this.#created.set(id, { ...sandbox, name, id });
  }
}

/** Returns the containers that ran before the node joined, from the log of the host's programs. */
export function startedBeforeJoin(hostLog: string): StartedContainer[] {
  const journal = new Journal();
  for (const line of hostLog.split('\n')) {
    if (JOINED.test(line)) return journal.started;
    journal.read(line);
  }
  return [];
}
