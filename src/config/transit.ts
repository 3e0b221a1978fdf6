import type {SiteName} from '../model/index.ts'
import type {Path} from '../yaml/index.ts'
import {conflict, type Problem} from './problem.ts'
import type {GatewayYaml} from './schema.ts'

/** Hubs: what this gateway forwards between others, and which sites it reaches through others. */
export function* checkTransit(yaml: GatewayYaml): Generator<Problem> {
  for (const [index, name] of yaml.transit.entries()) {
    const path: Path = ['transit', index]
    const remote = yaml.sites[name]
    if (yaml.transit.indexOf(name) !== index) yield conflict(path, `${name} is named twice`)
    else if (!remote) yield conflict(path, `no site ${name}`, knownSites(yaml))
    else if (hasNoTunnel(remote)) {
      const detail = `${name} has no tunnel (encapsulation none), and packets pass a hub from tunnel to tunnel only`
      yield conflict(path, detail, 'give it a tunnel, or a way of its own to the others')
    } else if (remote.translate.length > 0) {
      yield conflict(path, `${name} is translated here, and a hub passes packets as they are`, 'let its ends translate')
    }
  }
  for (const [name, remote] of Object.entries(yaml.sites)) {
    const path: Path = ['sites', name]
    yield* checkVia(yaml, name as SiteName, path)
    if (!remote.encrypted) continue
    for (const neighbor of remote.via ?? [name as SiteName]) {
      const {encapsulation, encrypted} = yaml.sites[neighbor] ?? {}
      if (encapsulation === undefined || encapsulation === 'wireguard' || (encapsulation === 'auto' && encrypted))
        continue
      const detail = `its packets would leave in a tunnel to ${neighbor} that does not encrypt (${encapsulation})`
      yield conflict([...path, 'encrypted'], detail, `sites.${neighbor}.encapsulation: wireguard`)
    }
  }
}

function* checkVia(yaml: GatewayYaml, name: SiteName, path: Path): Generator<Problem> {
  const {via, encapsulation, translate} = yaml.sites[name]!
  if (!via) return
  for (const [index, hub] of via.entries()) {
    const at: Path = [...path, 'via', index]
    const remote = yaml.sites[hub]
    if (via.indexOf(hub) !== index) yield conflict(at, `${hub} is named twice`)
    else if (hub === name) yield conflict(at, `${name} is not behind itself`, 'without `via` it has tunnels of its own')
    else if (!remote) yield conflict(at, `no site ${hub}`, knownSites(yaml))
    else if (remote.via) yield conflict(at, `${hub} is behind a hub itself`, `name that: ${remote.via.join(', ')}`)
    else if (hasNoTunnel(remote)) yield conflict(at, `there is no tunnel to ${hub} (encapsulation none)`)
  }
  if (encapsulation !== 'ipip') {
    const detail = `${name} is behind ${via.join(', ')}: there is no tunnel to it that could be ${encapsulation}`
    yield conflict([...path, 'encapsulation'], detail, '`encrypted: true` asks for a way that is encrypted throughout')
  }
  if (translate.length > 0) {
    const detail = `${name} is behind ${via.join(', ')}, and is known by its own prefixes there`
    yield conflict([...path, 'translate'], detail, 'give it tunnels of its own')
  }
}

const hasNoTunnel = ({encapsulation, via}: GatewayYaml['sites'][SiteName]): boolean => encapsulation === 'none' && !via

const knownSites = (yaml: GatewayYaml): string => `known: ${Object.keys(yaml.sites).join(', ') || 'none'}`
