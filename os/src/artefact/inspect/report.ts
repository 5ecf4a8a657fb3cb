import { formatSize } from '../../workstation/terminal/size.ts';
import { formatTable } from '../../workstation/terminal/table.ts';
import type {
  InspectedContainer,
  InspectedDisk,
  InspectedEfi,
  InspectedPod,
  InspectedRoot,
  Inspection,
  Share,
} from './model.ts';

/** Digits of a digest that a person compares; `--json` has all. */
const SHORT = 16;

const short = (digest: string): string => digest.replace('sha256:', '').slice(0, SHORT);
const size = (bytes: number): string => formatSize(bytes).padStart(10);

const table = (title: string, rows: readonly (readonly string[])[]): string[] =>
  rows.length === 0 ? [] : ['', title, ...formatTable(rows).map((line) => `  ${line}`)];

const KINDS = { disk: 'disk image', efi: 'EFI file', root: 'root file system' } as const;

function head({ file, kind, bytes, allocated, sha256, root, board }: Inspection): string[] {
  const { version, arch, kernel, buildTime } = root.release;
  const holes =
    allocated === undefined || allocated >= bytes ? '' : ` (${formatSize(allocated)} on disk)`;
  return [
    `${file}: ${KINDS[kind]}, ${formatSize(bytes)}${holes}`,
    ...(sha256 === undefined ? [] : [`sha256 ${sha256}`]),
    `kiOS ${version} for ${board?.name ?? arch}, kernel ${kernel}, built ${buildTime}`,
  ];
}

const disk = ({ partitions, files, starts }: InspectedDisk): string[] => [
  ...table(
    'Partitions',
    partitions.map(({ label, type, offset, bytes, fileSystem }) => [
      label,
      type,
      `at ${formatSize(offset)}`,
      size(bytes),
      fileSystem === undefined
        ? 'no known file system'
        : `${fileSystem.kind} "${fileSystem.label}" ${fileSystem.id}, ${formatSize(fileSystem.usedBytes)} used`,
    ]),
  ),
  ...table(
    'Files of the boot partition',
    files.map(({ name, bytes, sha256 }) => [name, size(bytes), short(sha256)]),
  ),
  '',
  `Starts ${starts}`,
];

const efi = ({ sections, ...rest }: InspectedEfi): string[] => [
  ...table(
    'Sections of the EFI file',
    sections.map(({ name, bytes, sha256 }) => [name, size(bytes), short(sha256)]),
  ),
  ...start(rest),
];

const start = ({ commandLine, early }: Pick<InspectedEfi, 'commandLine' | 'early'>): string[] => [
  ...table(
    'First stage',
    early.map(({ name, bytes, sha256 }) => [name, size(bytes), short(sha256)]),
  ),
  '',
  'Kernel command line',
  ...commandLine.split(' ').map((word) => `  ${word}`),
];

const containerLine = (container: InspectedContainer): string => {
  const { isInit, name, user, capabilities, privileged, readOnlyRoot, memory } = container;
  return [
    `${isInit ? 'init container' : 'container'} ${name}:`,
    privileged ? 'privileged,' : '',
    user === undefined ? 'user of the image,' : `uid ${user},`,
    capabilities.length === 0 ? 'no capabilities,' : `${capabilities.join(' ')},`,
    readOnlyRoot ? 'read-only root,' : 'writable root,',
    memory === undefined ? 'no limit of memory' : `at most ${memory}`,
  ]
    .filter((word) => word !== '')
    .join(' ');
};

function pod({ key, file, host, containers, sha256 }: InspectedPod): string[] {
  const shared = host.length === 0 ? '' : `, host’s ${host.join(', ')}`;
  return [
    '',
    `Pod ${key} (${file}, ${short(sha256)}${shared})`,
    ...containers.flatMap((container) => [
      `  ${containerLine(container)}`,
      `    ${container.image}`,
      ...formatTable(
        container.mounts.map(({ from, to, readOnly }) => [
          `    ${from}`,
          from === to ? '' : `at ${to}`,
          readOnly ? 'read-only' : 'writable',
        ]),
      ),
    ]),
  ];
}

function root({ programs, images, pods, bytes, sha256 }: InspectedRoot): string[] {
  return [
    ...table(
      'Programs',
      programs.map((program) => [
        program.file,
        program.version,
        program.module,
        program.go,
        size(program.bytes),
      ]),
    ),
    ...table(
      'Images',
      images.map(({ name, digest, layers }) => [name, digest, `${layers.length} layers`]),
    ),
    ...pods.flatMap(pod),
    '',
    `Root file system: ${formatSize(bytes)}, sha256 ${sha256}`,
  ];
}

const shares = (all: readonly Share[]): string[] =>
  table(
    'What fills it',
    all.map(({ what, bytes, unpacked }) => [
      size(bytes),
      what,
      unpacked === undefined ? '' : `${formatSize(unpacked)} unpacked`,
    ]),
  );

/** Describes an artefact in lines for people. */
export const report = (inspection: Inspection): string[] => [
  ...head(inspection),
  ...(inspection.disk === undefined ? [] : disk(inspection.disk)),
  ...(inspection.efi === undefined ? [] : efi(inspection.efi)),
  ...(inspection.board === undefined ? [] : start(inspection.board)),
  ...root(inspection.root),
  ...shares(inspection.shares),
];
