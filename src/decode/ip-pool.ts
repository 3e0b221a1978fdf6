import type {IpPool} from '../model/index.ts'
import {parseCidr} from '../net/index.ts'
import {type Fields, show} from './fields.ts'
import {type KeyName, metaOf} from './meta.ts'

const MODES = ['Never', 'Always', 'CrossSubnet'] as const

export function decodeIpPool(top: Fields, key: KeyName): IpPool | null {
  const spec = top.object('spec')
  const text = spec.text('cidr')
  // A bare address is refused here and nowhere else (libcalico-go/lib/backend/k8s/resources/ippool.go).
  const cidr = text.includes('/') ? parseCidr(text) : null
  const ipip = spec.word('ipipMode', MODES, 'Never')
  const vxlan = spec.word('vxlanMode', MODES, 'Never')
  if (ipip !== 'Never' && vxlan !== 'Never') spec.fail('vxlanMode', 'IPIP and VXLAN exclude each other')
  if (cidr === null) {
    spec.fail('cidr', `${show(text)} is not a CIDR`)
    return null
  }
  const uses = spec.texts('allowedUses')
  return {
    kind: 'IPPool',
    meta: metaOf(top, key),
    cidr,
    disabled: spec.flag('disabled'),
    ipip,
    vxlan,
    natOutgoing: spec.flag('natOutgoing'),
    workloads: uses.length === 0 || uses.some((use) => use !== 'LoadBalancer'),
    bgpExport: !spec.flag('disableBGPExport'),
  }
}
