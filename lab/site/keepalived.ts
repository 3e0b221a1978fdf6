import {writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {CLI} from '../gateway-daemon.ts'
import type {GatewayPlan} from '../network/plan.ts'
import {daemon} from '../processes.ts'

/** As docs/operate/twins.md has it: each gateway has an address that nodes send to, and takes over the other's. Pure. */
export function keepalivedConf({lan, virtual}: GatewayPlan, dir: string): string {
  if (!virtual) throw new Error('one gateway alone has no virtual address')
  const [low, high] = [virtual.own, virtual.other].sort()
  const instance = (address: string): string => `vrrp_instance ${address === virtual.own ? 'own' : 'other'} {
  state BACKUP
  interface lan0
  virtual_router_id ${address === low ? 1 : 2}
  priority ${address === virtual.own ? 200 : 100}
  version 3
  advert_int 0.1
  unicast_src_ip ${lan}
  unicast_peer { ${virtual.otherLan} }
  virtual_ipaddress { ${address}/32 dev lan0 }
  track_file { lan_lost }
}
`
  return `global_defs {
  vrrp_garp_master_delay 1
  vrrp_garp_master_repeat 3
}
track_file lan_lost {
  file ${join(dir, 'lan-lost')}
  weight 0
}
${[low!, high!].map(instance).join('')}`
}

/** Moves the virtual addresses of a site with two gateways, and watches the LAN for it and for BIRD. */
export function startKeepalived(gateway: GatewayPlan, dir: string): void {
  const watch = [process.execPath, CLI, 'watch-lan', '--config', join(dir, 'gateway.yaml')]
  daemon(gateway.namespace, watch, join(dir, 'watch-lan.log'))
  const file = join(dir, 'keepalived.conf')
  writeFileSync(file, keepalivedConf(gateway, dir))
  const pids = ['--pid', join(dir, 'keepalived.pid'), '--vrrp_pid', join(dir, 'vrrp.pid')]
  const argv = ['keepalived', '--dont-fork', '--log-console', '--vrrp', '--use-file', file, ...pids]
  daemon(gateway.namespace, argv, join(dir, 'keepalived.log'))
}
