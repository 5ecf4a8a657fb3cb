import { loadOrder, type ModuleIndex } from './module-index.ts';

/**
 * The drivers of network cards, which init loads while kubelet starts where no card works yet: a link takes seconds to
 * come up. The modloader loads what is left. Format of the table: docs/host-api.md section 8.
 */

const FOLDERS = ['kernel/drivers/net/ethernet/', 'kernel/drivers/net/usb/'];

/** Plans init's table of network cards for one kernel. */
export function planNetworkModules(index: ModuleIndex): string {
  const isOfCard = (module: string): boolean => {
    const [file = ''] = index.files.get(module) ?? [];
    return FOLDERS.some((folder) => file.startsWith(folder));
  };
  return index.aliases
    .filter(({ module }) => isOfCard(module))
    .map(
      ({ pattern, module }) => `${['alias', pattern, ...loadOrder(index, [module])].join(' ')}\n`,
    )
    .join('');
}
