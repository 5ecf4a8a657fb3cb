import type { FaultCode, Finding } from './catalogue.ts';
import type { Disk, Exhausted, PodTrouble, Signs } from './signs.ts';

type Rule = (signs: Signs) => Finding | undefined;

const clockFault: Rule = ({ clock }) => {
  if (clock === undefined) return undefined;
  if (!clock.sane) {
    const cause =
      'trust the clock: it is before the build of the image or the newest saved time, or decades after it';
    return { code: 'KIOS_FAULT_CLOCK_WRONG', cause };
  }
  return clock.synced
    ? undefined
    : { code: 'KIOS_FAULT_CLOCK_UNSYNCED', cause: 'set the clock: no time server replies' };
};

/** kubelet evicts pods below 10 % of the space and 5 % of the inodes. */
const LEAST = { free: 0.1, freeInodes: 0.05 };
const percent = (share: number): string => `${Math.round(share * 100)} %`;

function spaceFault({ device, free, freeInodes }: Disk): Finding | undefined {
  if (free >= LEAST.free && freeInodes >= LEAST.freeInodes) return undefined;
  const what =
    free < LEAST.free ? `${percent(free)} of its space` : `${percent(freeInodes)} of its inodes`;
  return { code: 'KIOS_FAULT_DISK_FULL', cause: `keep room on ${device}: ${what} is free` };
}

function damageFault({ device, errors, isReadOnly }: Disk): Finding | undefined {
  if (errors > 0)
    return {
      code: 'KIOS_FAULT_DATA_DAMAGED',
      cause: `trust the file system of ${device}: it has recorded ${errors} faults`,
    };
  return isReadOnly
    ? {
        code: 'KIOS_FAULT_DATA_DAMAGED',
        cause: `write to ${device}: the kernel has made it read-only after a fault`,
      }
    : undefined;
}

/** A data partition that cannot be used is a fault in init's words, which have the device and the cause. */
const OF_DATA = ['KIOS_INIT_DATA_TWICE', 'KIOS_INIT_DATA'];
const OF_ENCRYPTION = /^KIOS_INIT_CRYPT_/;

function dataFault({ isDataFailed, init }: Signs): Finding | undefined {
  if (!isDataFailed) return undefined;
  return init.find(({ code }) => OF_DATA.includes(code) || OF_ENCRYPTION.test(code));
}

/** Returns whether a text names a disk or one of its partitions, as `/dev/sda2` or `/dev/nvme0n1p2`. */
function namesDisk(text: string, disk: string): boolean {
  const partition = /\d$/.test(disk) ? String.raw`p\d+` : String.raw`\d+`;
  return new RegExp(String.raw`/dev/${disk}(?:${partition})?\b`).test(text);
}

/** Returns the write protection of the disk that has the state. Others may have it: a seed's, a CD. */
function protectionFault(signs: Signs): Finding | undefined {
  const { protectedDisks, disk } = signs;
  const where = dataFault(signs)?.cause ?? (disk?.isReadOnly === true ? disk.device : '');
  const found = protectedDisks.filter((name) => namesDisk(where, name));
  if (found.length === 0) return undefined;
  return {
    code: 'KIOS_FAULT_READ_ONLY',
    cause: `write to ${found.join(', ')}: the medium is write-protected`,
  };
}

const storeFault: Rule = ({ init }) => init.find(({ code }) => code === 'KIOS_INIT_STORE');

const storageFault: Rule = (signs) =>
  protectionFault(signs) ?? dataFault(signs) ?? (signs.disk && damageFault(signs.disk));

const roomFault: Rule = ({ disk }) => (disk === undefined ? undefined : spaceFault(disk));

/** Two ends may be an accident, or the restart of a document that is taken back. */
const ENDS = 3;
const OF_CONFIGURATION = /config|drop-?in|feature gate|unknown field|failed to (?:load|decode)/i;

const kubeletFault: Rule = ({ kubelet }) => {
  if (kubelet === undefined) return undefined;
  const { earlyEnds, dropInsIgnored, why } = kubelet;
  const because = why === undefined ? '' : `: ${why}`;
  if (dropInsIgnored || (earlyEnds >= ENDS && OF_CONFIGURATION.test(why ?? '')))
    return {
      code: 'KIOS_INIT_KUBELET_CONFIG',
      cause: `run kubelet with the configuration of the bootstrap document${because}`,
      remedy: 'Correct kubelet.config in the bootstrap document; kubelet’s log names the field.',
    };
  return earlyEnds < ENDS
    ? undefined
    : {
        code: 'KIOS_FAULT_KUBELET',
        cause: `run kubelet: it ended ${earlyEnds} times in a row${because}`,
      };
};

const runtimeFault: Rule = ({ isRuntimeSilent }) =>
  isRuntimeSilent
    ? { code: 'KIOS_FAULT_RUNTIME', cause: 'run pods: containerd does not reply to kubelet' }
    : undefined;

const updateFault: Rule = ({ update }) => {
  if (update?.failed === undefined) return undefined;
  const { generation, why } = update.failed;
  return {
    code: 'KIOS_FAULT_UPDATE',
    cause: `run the system ${generation}: ${why}, and kiOS ${update.version} runs again`,
  };
};

const moduleFault: Rule = ({ modules }) => {
  const [first] = modules;
  if (first === undefined) return undefined;
  const more = modules.length > 1 ? `, and ${modules.length - 1} more` : '';
  return { code: 'KIOS_FAULT_MODULE', cause: `load the module ${first.name}: ${first.why}${more}` };
};

const OF_TROUBLE: Readonly<Record<PodTrouble, FaultCode>> = {
  crashing: 'KIOS_FAULT_CRASH_LOOP',
  'image missing': 'KIOS_FAULT_IMAGE_MISSING',
  'image corrupt': 'KIOS_FAULT_IMAGE_CORRUPT',
  'image refused': 'KIOS_FAULT_IMAGE_DENIED',
  'registry unreached': 'KIOS_FAULT_PROXY',
};

/** Returns a fault for each trouble that pods have; the first pod stands for the others. */
function podFaults({ pods }: Signs): readonly Finding[] {
  const seen = new Set<PodTrouble>();
  const first = pods.filter(({ trouble }) => !seen.has(trouble) && seen.add(trouble));
  return first.map(({ pod, trouble, why }) => ({
    code: OF_TROUBLE[trouble],
    cause: `run the pod ${pod}: ${why}`,
  }));
}

const exhausted = (
  code: FaultCode,
  what: string,
  [first, ...others]: readonly Exhausted[],
): Finding | undefined => {
  if (first === undefined) return undefined;
  const more = others.length > 0 ? `, and ${others.length} more pods` : '';
  return { code, cause: `${what} the pod ${first.pod}${more}: ${first.limit}` };
};

const RULES: readonly Rule[] = [
  clockFault,
  storageFault,
  storeFault,
  roomFault,
  kubeletFault,
  runtimeFault,
  moduleFault,
  updateFault,
  ({ outOfMemory }) => exhausted('KIOS_FAULT_OOM', 'give enough memory to', outOfMemory),
  ({ outOfProcesses }) => exhausted('KIOS_FAULT_PIDS', 'start processes in', outOfProcesses),
];

/** Returns the faults of the node itself. */
export const nodeFaults = (signs: Signs): readonly Finding[] => [
  ...RULES.map((rule) => rule(signs)).filter((finding) => finding !== undefined),
  ...podFaults(signs),
];
