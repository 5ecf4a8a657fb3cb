import { formatSize } from '../../workstation/terminal/size.ts';
import type {
  InspectedContainer,
  InspectedDisk,
  InspectedEfi,
  InspectedPod,
  InspectedRoot,
  Inspection,
  Part,
} from './model.ts';

/** One comparable statement about an artefact: a subject and its value, of which `shown` is for people. */
export interface Fact {
  readonly subject: string;
  readonly value: string;
  readonly shown: string;
}

const fact = (subject: string, value: string, shown = value): Fact => ({ subject, value, shown });

const partFact = (subject: string, { bytes, sha256 }: Part): Fact =>
  fact(subject, sha256, `${formatSize(bytes)} ${sha256.slice(0, 16)}`);

const diskFacts = ({ partitions, files, starts }: InspectedDisk): Fact[] => [
  ...partitions.map(({ label, type, offset, bytes, fileSystem }) =>
    fact(
      `partition ${label}`,
      `${type} at ${formatSize(offset)}, ${formatSize(bytes)}, ${fileSystem?.kind ?? 'no known file system'}`,
    ),
  ),
  ...files.map((file) => partFact(`boot partition ${file.name}`, file)),
  fact('starts', starts),
];

const efiFacts = ({ sections }: InspectedEfi): Fact[] =>
  sections.map((section) => partFact(`section ${section.name}`, section));

const startFacts = ({
  commandLine,
  early,
}: Pick<InspectedEfi, 'commandLine' | 'early'>): Fact[] => [
  ...commandLine.split(' ').map((word) => fact(`command line ${word}`, 'present', '')),
  ...early.map((file) => partFact(`first stage ${file.name}`, file)),
];

function containerFacts(pod: string, container: InspectedContainer): Fact[] {
  const at = `pod ${pod}/${container.name}`;
  return [
    fact(`${at} image`, container.image),
    fact(`${at} user`, String(container.user ?? 'of the image')),
    fact(`${at} privileged`, String(container.privileged)),
    fact(`${at} root`, container.readOnlyRoot ? 'read-only' : 'writable'),
    fact(`${at} memory`, container.memory ?? 'no limit'),
    ...container.capabilities.map((name) => fact(`${at} capability ${name}`, 'added', '')),
    ...container.mounts.map(({ from, to, readOnly }) =>
      fact(`${at} mount ${from} at ${to}`, readOnly ? 'read-only' : 'writable'),
    ),
  ];
}

const podFacts = (pod: InspectedPod): Fact[] => [
  fact(`manifest ${pod.file}`, pod.sha256, pod.sha256.slice(0, 16)),
  ...pod.host.map((namespace) => fact(`pod ${pod.key} host’s ${namespace}`, 'shared', '')),
  ...pod.containers.flatMap((container) => containerFacts(pod.key, container)),
];

const rootFacts = ({ release, programs, images, pods }: InspectedRoot): Fact[] => [
  fact('version', release.version),
  fact('architecture', release.arch),
  fact('kernel', release.kernel),
  fact('built', release.buildTime),
  ...programs.map(({ file, module, version, go }) =>
    fact(`program ${file}`, `${module} ${version} ${go}`),
  ),
  ...images.map(({ name, digest }) => fact(`image ${name}`, digest)),
  ...pods.flatMap(podFacts),
];

/** Returns every comparable statement about an artefact, in the order in which people read them. */
export const factsOf = ({ root, efi, board, disk }: Inspection): Fact[] => [
  ...rootFacts(root),
  ...(efi === undefined ? [] : [...efiFacts(efi), ...startFacts(efi)]),
  ...(board === undefined ? [] : startFacts(board)),
  ...(disk === undefined ? [] : diskFacts(disk)),
  ...root.files.map((file) => partFact(`file ${file.name}`, file)),
];
