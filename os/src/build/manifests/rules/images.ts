import { REGISTRY } from '../../shipped.ts';
import type { Policy } from './permissions.ts';
import { type Faults, type Pod, record } from './view.ts';

const SHIPPED = `${REGISTRY}/`;
/** As containerd reads it (distribution/reference): a registry and its port, names, a tag, a digest or both. */
const HOST = String.raw`(?:[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*(?:\.[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*)*|\[[0-9a-fA-F:]+\])(?::\d+)?`;
const PART = String.raw`[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*`;
const DIGEST = 'sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}';
const REFERENCE = new RegExp(
  String.raw`^(?:${HOST}/)?(${PART}(?:/${PART})*)(?::\w[\w.-]{0,127})?(?:@(?:${DIGEST}))?$`,
);
const MAX_NAME = 255;

/** Says whether containerd reads a reference. It takes 64 hexadecimal digits for an image's ID, and refuses them. */
function isReference(image: string): boolean {
  const name = REFERENCE.exec(image)?.[1];
  return name !== undefined && name.length <= MAX_NAME && !/^[0-9a-f]{64}$/.test(image);
}

/** Yields a name of a shipped image that this version does not know. */
function* shippedFaults(image: string, path: string, policy: Policy): Faults {
  if (policy.images.includes(image)) return;
  const cause = `${image} does not ship with the node; its images are ${policy.images.join(', ')}`;
  const [name = ''] = image.split('@');
  // The API server shows the node's own pods so.
  if (name !== image && policy.images.includes(name))
    yield { path, cause, effect: `${image} is there only in an image with that very digest` };
  else yield { path, cause };
}

function* referenceFaults(image: string, path: string, policy: Policy): Faults {
  if (image.startsWith(SHIPPED)) yield* shippedFaults(image, path, policy);
  else if (!isReference(image))
    yield { path, cause: `${JSON.stringify(image)} is no image’s name` };
  else if (!/[:@][^/]+$/.test(image) || image.endsWith(':latest'))
    yield {
      path,
      cause: `${image} has no fixed version: use a tag other than latest, or a digest`,
      effect: `${image} has no fixed version: without imagePullPolicy each start asks the registry for it`,
    };
}

/** Yields images that do not exist on the node, or whose content nobody fixed. */
export function* imageFaults(pod: Pod, policy: Policy): Faults {
  for (const { at, fields } of pod.containers) {
    const { image, imagePullPolicy } = fields;
    if (typeof image !== 'string') {
      yield { path: `${at}.image`, cause: 'is missing' };
      continue;
    }
    yield* referenceFaults(image, `${at}.image`, policy);
    if (imagePullPolicy === 'Never' && !image.startsWith(SHIPPED))
      yield {
        path: `${at}.image`,
        // Nobody can see here whether the node's image was built with it.
        cause: `${image} does not ship with the node, and imagePullPolicy Never forbids pulling it; IfNotPresent asks nobody for an image of build --image`,
        effect: `${image} must be on the node already, because imagePullPolicy Never forbids pulling it`,
      };
  }
  for (const { at, fields } of pod.volumes) {
    const { reference } = record(fields['image']);
    if (typeof reference === 'string')
      yield* referenceFaults(reference, `${at}.image.reference`, policy);
  }
}
