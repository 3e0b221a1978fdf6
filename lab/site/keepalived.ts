import {writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {CLI} from '../gateway-daemon.ts'
import type {GatewayPlan} from '../network/plan.ts'
import {daemon} from '../processes.ts'

/**
 * As docs/operate/twins.md has it: each gateway has an address that nodes send to, and takes over the other's once it hears the
 * other one neither on the LAN nor by the link of flow states. Pure.
 */
export function keepalivedConf({lan, virtual}: GatewayPlan, dir: string): string {
  if (!virtual) throw new Error('one gateway alone has no virtual address')
  const {link} = virtual
  const [low, high] = [virtual.own, virtual.other].sort()
  const pair = (address: string): string => {
    const isOwn = address === virtual.own
    const [name, id, priority] = [isOwn ? 'own' : 'other', address === low ? 1 : 2, isOwn ? 200 : 100]
    const common = `version 3
  advert_int 0.1
  priority ${priority}
  track_file { lan_lost }`
    return `vrrp_sync_group ${name} {
  group { ${name} ${name}_link }
}
vrrp_instance ${name} {
  state BACKUP
  interface lan0
  virtual_router_id ${id}
  ${common}
  unicast_src_ip ${lan}
  unicast_peer { ${virtual.otherLan} }
  virtual_ipaddress { ${address}/32 dev lan0 }
  ${isOwn ? 'garp_master_refresh 1' : ''}
}
vrrp_instance ${name}_link {
  state BACKUP
  interface ${link.device}
  dont_track_primary
  virtual_router_id ${id + 2}
  ${common}
  unicast_src_ip ${link.own}
  unicast_peer { ${link.other} }
  virtual_ipaddress { 192.168.77.${200 + id}/32 dev ${link.device} }
}
`
  }
  return `global_defs {
  vrrp_garp_master_delay 1
  vrrp_garp_master_repeat 3
}
track_file lan_lost {
  file ${join(dir, 'lan-lost')}
  weight 0
}
${[low!, high!].map(pair).join('')}`
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
