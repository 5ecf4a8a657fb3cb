import type { Finding } from './catalogue.ts';
import type { Signs } from './signs.ts';

type Rule = (signs: Signs) => Finding | undefined;

export const clockFault: Rule = ({ clock }) => {
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

/** Returns the faults of the programs of the host, its modules and its versions. */
export const hostFaults = (signs: Signs): readonly (Finding | undefined)[] => [
  kubeletFault(signs),
  runtimeFault(signs),
  moduleFault(signs),
  updateFault(signs),
];
