import {Federation} from '../../src/federate/index.ts'
import type {LinkSpec, NftTable, WgPublicKey} from '../../src/model/index.ts'
import {planRuleset} from '../../src/plan/index.ts'
import {compilePolicy} from '../../src/policy/index.ts'
import {shell} from './namespace.ts'
import {rawRecord} from './records.ts'
import {address, configOf, EXPORT, listOf, podRecord, prefix, remote, tunnelTo} from './sites.ts'

export const TUNNEL = 'is-b-0000'
export const TUNNEL_C = 'is-c-0001'
export const VNI = 7
export const WG_PORT = 51_820

const link: Extract<LinkSpec, {kind: 'vxlan'}> = {
  ...{kind: 'vxlan', name: TUNNEL, alias: 'isthmus a/a1/wan b/b1/wan slot 0', mtu: 1450, ttl: 64, vni: VNI, port: 4789},
  ...{local: address('192.0.2.1'), remote: address('192.0.2.2')},
}
const config = configOf({
  default: 'allow',
  sites: new Map([remote('b', '10.2.0.0/16', 'fd00:2::/48'), remote('c', '10.3.0.0/16', 'fd00:3::/48')]),
})

/** Of gateway a, whose devices are in this namespace; `others`: so many gateways more, whose packets arrive by vxlan. */
export function spoofedTable(others = 0): NftTable {
  const federation = new Federation(config)
  federation.update(listOf('datastore/main', [podRecord('pod', '10.1.0.5'), podRecord('pod6', 'fd00:1::5')]))
  federation.update(
    listOf('export/b', [
      rawRecord(`${EXPORT}site`, {as: 2, prefixes: ['10.2.0.0/16'], infrastructure: ['fd64::/64']}),
      rawRecord(`${EXPORT}gateways/b1`, {
        uplinks: [{name: 'wan', address: '192.0.2.2', inner: ['100.64.0.2', '100.64.0.3']}],
        tunnels: {},
      }),
    ]),
  )
  const world = federation.world()
  const policy = compilePolicy(world, {default: 'allow', previous: null, firstClass: 7})
  const devices = new Map(
    ['lan0', TUNNEL, TUNNEL_C, 'wan0'].map((name) => [name, Number(shell(`cat /sys/class/net/${name}/ifindex`))]),
  )
  const endpoint = {address: address('192.0.2.2'), port: WG_PORT}
  const peer = {publicKey: 'x' as WgPublicKey, endpoint, allowedIps: [prefix('0.0.0.0/0')], keepaliveSeconds: 0}
  const wireguard = [{device: 'is-w', keyFile: '', publicKey: 'y' as WgPublicKey, listenPort: WG_PORT, peer}]
  const tunnels = [tunnelTo('b', TUNNEL), tunnelTo('c', TUNNEL_C)]
  const links = [
    link,
    ...Array.from({length: others}, (_, index) => {
      return {...link, name: `is-o-${index}`, vni: 100 + index, remote: address(`192.0.2.${100 + index}`)}
    }),
  ]
  return planRuleset({config, world, tunnels, links, wireguard, uplinkDevices: ['wan0'], devices, policy})
}
