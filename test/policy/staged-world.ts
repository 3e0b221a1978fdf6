import type {Policy, World} from '../../src/model/index.ts'

/** Drawn policies as staged ones; half of them stand in the place of one that is in force. */
export function stagedIn(
  {policies: {policies}}: Pick<World, 'policies'>,
  drawn: readonly Policy[],
  actions: readonly Policy['stagedAction'][],
): Policy[] {
  const globalOnes = drawn.filter(({kind}) => kind === 'GlobalNetworkPolicy')
  return globalOnes.slice(0, 4).map((one, index): Policy => {
    const twin = index % 2 === 0 ? policies[index] : undefined
    const place = twin ? {tier: twin.tier, meta: twin.meta, keyName: twin.keyName} : {}
    const stagedAction = actions[index]
    return {...one, kind: 'StagedGlobalNetworkPolicy', ...place, ...(stagedAction ? {stagedAction} : {})}
  })
}

/** A world with its staged policies enforced. */
export function stagedInForce(known: World): World {
  const meant = known.staged.filter(({stagedAction}) => stagedAction !== 'Ignore')
  const places = new Set(meant.map(({tier, meta}) => `${tier}/${meta.name}`))
  const kept = known.policies.policies.filter(
    ({kind, tier, meta}) => kind !== 'GlobalNetworkPolicy' || !places.has(`${tier}/${meta.name}`),
  )
  const enforced = meant
    .filter(({stagedAction}) => stagedAction !== 'Delete')
    .map((one): Policy => ({...one, kind: 'GlobalNetworkPolicy'}))
  return {...known, policies: {...known.policies, policies: [...kept, ...enforced]}}
}
