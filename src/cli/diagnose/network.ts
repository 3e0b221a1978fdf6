import {readFile} from 'node:fs/promises'
import {request} from 'node:https'
import {isIP} from 'node:net'
import type {ClockFacts, Facts, LinkFacts, Seen, TwinFacts, UnderlayFacts} from '../../diagnose/index.ts'
import {ALIAS_PREFIX, DEVICE_PREFIX, type GatewayConfig} from '../../model/index.ts'
import type {Place} from '../diagnose-datastores.ts'
import {look, tool} from './look.ts'

/** A gateway of another site, as this one knows it: `SITE/GATEWAY`, and of each uplink `NAME ADDRESS`. */
interface Remote {
  readonly name: string
  readonly uplinks: readonly string[]
}

/** The outer ends of every tunnel, the kernel's way between them, and whether pings are answered. */
export function readUnderlay(
  config: GatewayConfig,
  links: readonly LinkFacts[],
  remotes: readonly Remote[],
): Promise<Seen<readonly UnderlayFacts[]>> {
  return look('the ways of tunnels', () => Promise.all(outerEnds(config, links, remotes).map(readWay)))
}

type Ends = Pick<UnderlayFacts, 'device' | 'site' | 'local' | 'remote'>

function outerEnds(config: GatewayConfig, links: readonly LinkFacts[], remotes: readonly Remote[]): Ends[] {
  return links.flatMap(({name: device, alias, outerLocal, outerRemote}): Ends[] => {
    if (!device.startsWith(DEVICE_PREFIX) || !alias.startsWith(ALIAS_PREFIX)) return []
    const [mine = '', theirs = ''] = alias.slice(ALIAS_PREFIX.length).split(' ')
    const [site = '', gateway = '', uplink = ''] = theirs.split('/')
    // WireGuard's ends are no part of its device: the configuration and the other gateway's export have them.
    const told = remotes
      .find(({name}) => name === `${site}/${gateway}`)
      ?.uplinks.find((one) => one.startsWith(`${uplink} `))
    const local = outerLocal ?? config.uplinks.find(({name}) => name === mine.split('/')[2])?.address
    const remote = outerRemote ?? told?.slice(uplink.length + 1)
    return site && local && remote && isIP(remote) ? [{device, site, local, remote}] : []
  })
}

async function readWay(ends: Ends): Promise<UnderlayFacts> {
  const [way, answers] = await Promise.all([
    look('ip route get', async (signal) => {
      const text = await tool(signal, 'ip', '-j', 'route', 'get', ends.remote, 'from', ends.local)
      const [route] = JSON.parse(text) as {dev?: string; type?: string}[]
      if (route?.type || !route?.dev) throw new Error(route?.type ?? 'no device')
      return route.dev
    }),
    pings(ends.remote, ends.local),
  ])
  return {...ends, way, answers}
}

/** Three of them, within a second. That nobody answers is an answer; that fping does not run is none. */
export const pings = (address: string, from: string | null): Promise<Seen<boolean>> =>
  look('fping', (signal) => {
    const source = from === null ? [] : ['-S', from]
    return tool(signal, 'fping', '-c', '3', '-p', '200', '-t', '600', '-q', ...source, address).then(
      () => true,
      (error: Error) => {
        if (error.message.includes('xmt/rcv')) return false
        throw error
      },
    )
  })

/** What the clocks of etcds show, by what they say over HTTP; nothing is sent, and nobody is believed but for the time. */
export async function readClocks(places: readonly Place[], nowMs: () => number): Promise<Seen<readonly ClockFacts[]>> {
  const asked = places.flatMap(({source, endpoints, tls}) =>
    endpoints.slice(0, 1).map(async (endpoint): Promise<ClockFacts> => {
      const seen = await look(endpoint, async (signal) => {
        const {date, atMs} = await dateOf(endpoint, tls, nowMs, signal)
        // It tells whole seconds, cut off.
        return (Date.parse(date) + 500 - atMs) / 1000
      })
      return {source, seen}
    }),
  )
  return {ok: true, value: await Promise.all(asked)}
}

async function dateOf(endpoint: string, tls: Place['tls'], nowMs: () => number, signal: AbortSignal) {
  const url = new URL('/version', endpoint)
  if (url.protocol !== 'https:') {
    const {headers} = await fetch(url, {signal})
    return {date: headers.get('date') ?? '', atMs: nowMs()}
  }
  const [cert, key] = await Promise.all([tls?.cert, tls?.key].map((file) => (file ? readFile(file) : undefined)))
  return new Promise<{date: string; atMs: number}>((resolve, reject) => {
    const options = {
      signal,
      agent: false,
      rejectUnauthorized: false,
      servername: isIP(url.hostname) ? '' : url.hostname,
      ...(cert && key ? {cert, key} : {}),
    } as const
    const beganMs = nowMs()
    request(url, options, (answer) => {
      answer.resume()
      const {date} = answer.headers
      if (date === undefined) reject(new Error('it tells no time'))
      else resolve({date, atMs: (beganMs + nowMs()) / 2})
    })
      .on('error', reject)
      .end()
  })
}

export function readTwin({lan, twin, nodes}: GatewayConfig, addresses: Facts['addresses']): Promise<Seen<TwinFacts>> {
  return look('the twin', async () => {
    if (!lan || twin === null) throw new Error('there is none')
    const moves = nodes?.nextHop ?? null
    const here = addresses.ok && addresses.value.some(({address}) => address === moves)
    const [twinAnswers, answers] = await Promise.all([
      pings(lan.twin, lan.address),
      moves === null || here ? ({ok: true, value: here} as const) : pings(moves, lan.address),
    ])
    return {twin, twinAnswers, virtual: moves === null ? null : {address: moves, here, answers}}
  })
}
