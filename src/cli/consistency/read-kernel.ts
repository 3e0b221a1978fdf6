import {
  addressesIn,
  devicesIn,
  type KernelRoute,
  linksIn,
  mtusIn,
  parseRuleset,
  routesIn,
} from '../../diagnose/index.ts'
import type {ActualLink, ActualNft, AddressSpec} from '../../model/index.ts'
import {runProgram} from '../run-program.ts'

/** What the kernel holds, as its own tools list it: not through the daemon, nor through the daemon's drivers. */
export interface KernelFacts {
  /** null: there is no table of ours. */
  readonly nft: ActualNft | null
  readonly links: readonly ActualLink[]
  readonly addresses: readonly AddressSpec[]
  readonly routes: readonly KernelRoute[]
  readonly devices: ReadonlyMap<string, number>
  /** Of all devices. */
  readonly mtus: ReadonlyMap<string, number>
  readonly carriers: ReadonlyMap<string, string>
}

/** Throws with the tool's own words where one is missing or refuses. */
export async function readKernel(): Promise<KernelFacts> {
  const tool = async (...[file, ...args]: [string, ...string[]]): Promise<string> => {
    const {ok, out, why} = await runProgram(file, args)
    if (!ok) throw new Error(`${[file, ...args].join(' ')}: ${why}`)
    return out
  }
  const [tables, links, addresses, routes4, routes6] = await Promise.all([
    tool('nft', 'list', 'tables'),
    tool('ip', '-d', '-j', 'link', 'show'),
    tool('ip', '-j', 'address', 'show'),
    tool('ip', '-4', '-j', 'route', 'show'),
    tool('ip', '-6', '-j', 'route', 'show'),
  ])
  const ruleset = tables.split('\n').includes('table inet isthmus')
    ? parseRuleset(await tool('nft', '-j', 'list', 'table', 'inet', 'isthmus'))
    : null
  const {ours, carriers} = addressesIn(addresses)
  return {
    nft: ruleset,
    links: linksIn(links),
    addresses: ours,
    routes: [...routesIn(routes4), ...routesIn(routes6)],
    devices: devicesIn(links),
    mtus: mtusIn(links),
    carriers,
  }
}
