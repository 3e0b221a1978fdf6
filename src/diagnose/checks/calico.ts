import {parseCidr, prefixContains} from '../../net/index.ts'
import {type Check, eachOf, type Found, given, type Judged} from '../check.ts'
import type {CalicoFacts, Facts} from '../facts.ts'

const NONE = 'no Calico datastore'

export const CALICO_CHECKS: readonly Check[] = [
  {
    code: 'calico-pool-snat',
    theme: 'calico',
    looksAt: 'whether Calico leaves the source of packets to other sites as it is',
    judge: (facts) =>
      perCalico(facts, ({pools}) => {
        const nat = pools.filter(({natOutgoing}) => natOutgoing)
        if (nat.length === 0) return []
        // Calico translates what is from such a pool and for no pool; a disabled one counts.
        const bare = remotePrefixes(facts).filter((prefix) => !pools.some(({cidr}) => holds(cidr, prefix)))
        return bare.map((prefix) => ({
          key: prefix,
          detail: `pods of ${nat.map(({name}) => name).join(', ')} come to ${prefix} with their node's address: it is natOutgoing, and no pool holds ${prefix}`,
          remedy: `\`writeBack: {pools: {}}\` of the datastore, or an IPPool for ${prefix} with \`disabled: true\` and \`natOutgoing: false\``,
        }))
      }),
  },
  {
    code: 'calico-as-mismatch',
    theme: 'calico',
    looksAt: "whether Calico's AS is the one that nodes are spoken to with",
    judge: (facts) =>
      perCalico(facts, ({as}) => {
        const {nodes} = facts.config
        if (nodes === null || as === null || as === nodes.localAs) return []
        return [
          {
            key: 'bgpconfigurations/default',
            detail: `Calico's nodes are AS ${as}, and this gateway speaks to them as AS ${nodes.localAs}: no session comes up`,
            remedy: `\`nodes: {localAs: ${as}}\` here, or \`asNumber\` of BGPConfiguration default`,
          },
        ]
      }),
  },
  {
    code: 'calico-blocks-not-announced',
    theme: 'calico',
    looksAt: 'whether nodes announce the blocks of every pool',
    judge: (facts) =>
      perCalico(facts, ({pools}) =>
        pools
          .filter(
            ({disabled, disableBGPExport, cidr}) =>
              disableBGPExport && !disabled && facts.config.nodes !== null && ownsAny(facts, cidr),
          )
          .map(({name, cidr}) => ({
            key: `ippools/${name}`,
            detail: `nodes do not announce the blocks of pool ${name} (${cidr}): this gateway has no way to these pods`,
            remedy: `\`disableBGPExport: false\` of IPPool ${name}`,
          })),
      ),
  },
  {
    code: 'calico-locked',
    theme: 'calico',
    looksAt: 'whether the datastore of Calico is ready',
    judge: (facts) =>
      perCalico(facts, ({ready}) =>
        ready !== false
          ? []
          : [
              {
                key: 'clusterinformations/default',
                detail:
                  'datastoreReady is false: a migration or a restore holds it, and nothing is written back meanwhile',
                remedy: '`calicoctl datastore migrate unlock` when that is done',
              },
            ],
      ),
  },
]

interface Wrong {
  readonly key: string
  readonly detail: string
  readonly remedy: string
}

function perCalico({calico}: Facts, judge: (facts: CalicoFacts) => Wrong[]): Judged {
  return given(calico, (all) => {
    const judged = all.map((facts) => ({facts, wrong: judge(facts)}))
    const listed = eachOf(judged, NONE, ({facts: {datastore, pools, as, ready}}) => ({
      evidence: `datastore ${datastore}: pools ${pools.map(({name, cidr}) => `${name} ${cidr}`).join(', ') || 'none'}; AS ${as ?? 'of the default'}; ready ${ready ?? 'not said'}`,
    }))
    if ('notLooked' in listed) return listed
    const found = judged.flatMap(({facts: {datastore}, wrong}) =>
      wrong.map(
        ({key, detail, remedy}): Found => ({
          ...{severity: 'error', where: {source: `datastore ${datastore}`, key}, detail, remedy},
        }),
      ),
    )
    return {...listed, found}
  })
}

const remotePrefixes = ({config}: Facts): string[] => [...config.sites.values()].flatMap(({owns}) => owns)

function holds(outer: string, inner: string): boolean {
  const [large, small] = [parseCidr(outer), parseCidr(inner)]
  // Of a prefix of the other family no pool of this one can be the source.
  if (large === null || small === null) return false
  return prefixContains(large, small)
}

const ownsAny = ({config}: Facts, cidr: string): boolean =>
  config.owns.some((own) => holds(own, cidr) || holds(cidr, own))
