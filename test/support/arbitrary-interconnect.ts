import fc from 'fast-check'

/** A description of some sites that is right: numbers, addresses and prefixes of their own; encapsulations that arrive. */
export const arbitraryInterconnect = (): fc.Arbitrary<Record<string, unknown>> =>
  fc
    .record({
      numbers: fc.uniqueArray(fc.integer({min: 0, max: 4095}), {minLength: 1, maxLength: 5}),
      fabrics: fc.array(fc.constantFrom('aws', 'gcp', 'azure', 'exoscale', 'onprem'), {minLength: 5, maxLength: 5}),
      isPair: fc.array(fc.boolean(), {minLength: 5, maxLength: 5}),
      isPublic: fc.array(fc.boolean(), {minLength: 5, maxLength: 5}),
      hasEtcd: fc.array(fc.boolean(), {minLength: 5, maxLength: 5}),
      first: fc.integer({min: 0, max: 6}),
      hasSix: fc.boolean(),
      encapsulation: fc.constantFrom(undefined, 'wireguard', 'fou'),
      pairs: fc.array(
        fc.record({
          ends: fc.tuple(fc.nat(4), fc.nat(4)),
          encapsulation: fc.constantFrom(undefined, 'ipip', 'fou', 'wireguard'),
          bfd: fc.constantFrom('private', 'internet'),
        }),
        {maxLength: 4},
      ),
    })
    .map(({numbers, fabrics, isPair, isPublic, hasEtcd, first, hasSix, encapsulation, pairs}) => {
      const name = (index: number): string => `s${index}`
      const gateway = (site: number, own: number) => ({
        number: first + own,
        address: `10.${site}.0.${own + 1}`,
        ...(isPublic[site] ? {public: `198.51.${site}.${own + 1}`} : {}),
        ...(own === 1 ? {device: 'eth0', private: `10.${site}.9.${own}`} : {}),
        extra: own === 1 ? {staged: {packets: 'judged'}} : {},
      })
      const sites = numbers.map((number, site) => [
        name(site),
        {
          number,
          fabric: fabrics[site],
          as: 4_200_000_000 + site,
          owns: [`10.${100 + site}.0.0/16`, ...(hasSix ? [`fd00:${site}::/48`] : [])],
          ...(site === 1 ? {infrastructure: ['192.168.0.0/24']} : {}),
          ...(hasEtcd[site] ? {etcdAt: [`https://etcd${site}.example.net:2379`]} : {}),
          datastore: {kind: site === 2 ? 'isthmus' : 'calico', endpoints: [`https://10.${site}.0.9:2379`]},
          gateways: Object.fromEntries((isPair[site] ? [0, 1] : [0]).map((own) => [`g${own}`, gateway(site, own)])),
          extra: site === 0 ? {nodes: {session: 'ibgp', localAs: 64512}} : {},
        },
      ])
      const seen = new Set<string>()
      const carries = (site: number): boolean =>
        fabrics[site] !== 'azure' &&
        !(fabrics[site] === 'gcp' && isPublic[site]) &&
        !(fabrics[site] === 'exoscale' && hasSix)
      return {
        version: 1,
        inner: ['100.64.0.0/16', ...(hasSix ? ['fd64::/64'] : [])],
        default: 'deny',
        authorities: [name(0)],
        ...(encapsulation ? {encapsulation} : {}),
        sites: Object.fromEntries(sites),
        pairs: pairs.flatMap(({ends: [a, b], encapsulation: wanted, bfd}) => {
          const key = [a, b].toSorted().join()
          if (a === b || a >= numbers.length || b >= numbers.length || seen.has(key)) return []
          if (wanted === 'ipip' && !(carries(a) && carries(b))) return []
          seen.add(key)
          return [{between: [name(a), name(b)], ...(wanted ? {encapsulation: wanted} : {}), bfd}]
        }),
      }
    })
