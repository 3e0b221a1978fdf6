import type {NftChain} from '../model/index.ts'
import {CONTROL_CLASS} from '../model/index.ts'
import {BEFORE_CONNTRACK} from './translation.ts'

const IS_CONTROL = ['ip dscp cs6 jump control', 'ip6 dscp cs6 jump control']

/**
 * What this node sends. BGP (TCP), BFD and probes say by themselves that they are control (DSCP CS6; BFD by the socket's
 * priority too); from here on their packet has a priority that a queue may sort by, and keeps it in ipip and vxlan, whose
 * outer packet gets its DSCP here: the device gives all others DSCP 0. No packet that is forwarded has this priority:
 * what pods say of theirs counts for nothing. Outer packets of pods pass here too, and pay for one hook: `outer` are the
 * rules that let them out, which must come before conntrack.
 */
export function outputChains(outer: readonly string[]): NftChain[] {
  return [
    {
      name: 'output',
      hook: {type: 'filter', hook: 'output', priority: BEFORE_CONNTRACK, policy: 'accept'},
      rules: [
        ...outer,
        'oifname "lo" accept',
        'oifname @tunnels goto into_tunnel',
        ...IS_CONTROL.map((rule) => `meta l4proto tcp ${rule}`),
        `meta priority { 0:7, ${CONTROL_CLASS} } jump control`,
        'goto out_other',
      ],
    },
    {name: 'into_tunnel', hook: null, rules: IS_CONTROL},
    {
      name: 'control',
      hook: null,
      rules: [`meta priority set ${CONTROL_CLASS}`, 'ip dscp set cs6', 'ip6 dscp set cs6'],
    },
  ]
}
