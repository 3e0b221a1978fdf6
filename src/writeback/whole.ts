import type {GatewayConfig, World, WriteBackConfig} from '../model/index.ts'
import {WriteBackSets} from './sets.ts'
import {siteObjects} from './site-objects.ts'

/** All that a datastore with this configuration should hold of ours, by key, from nothing. */
export function writeBackObjects(
  world: Pick<World, 'local' | 'members' | 'attributes'>,
  config: Pick<GatewayConfig, 'site' | 'sites' | 'nodes'>,
  writeBack: WriteBackConfig | null,
): ReadonlyMap<string, string> {
  if (writeBack === null) return new Map()
  const sets = new WriteBackSets(world.local, writeBack)
  if (writeBack.sets) {
    const all = [...world.members].map(([prefix, after]) => [prefix, {before: undefined, after}] as const)
    sets.take(new Map(all), world.attributes)
  }
  return new Map([...siteObjects(config, writeBack), ...sets.objects()])
}
