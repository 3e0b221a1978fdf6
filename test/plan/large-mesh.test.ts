import assert from 'node:assert/strict'
import {spawnSync} from 'node:child_process'
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import type {SiteName, Tunnel} from '../../src/model/index.ts'
import {type BgpSession, type BirdConfig, planRouting, renderBird} from '../../src/routing/index.ts'
import {GATEWAYS, hubMesh, type MeshSite, meshConfig, meshTunnel, mustEncrypt, planMesh} from '../support/hub-mesh.ts'
import {type FilteredRoute, runFilter} from '../support/run-filter.ts'

/** Every spoke's ways to all others in the long tests (`MESH=all`); else those of each so many-th. */
const EVERY = process.env.MESH === 'all' ? 1 : 61
const SITES = 1000
const HUBS = 32
/** Two gateways at each of 31 other hubs, and at twice 968 / 32 spokes. */
const MOST_TUNNELS = 186

/** A gateway as BGP sees it. */
interface Speaker {
  readonly name: string
  readonly site: MeshSite
  /** By the far gateway's name. */
  readonly links: ReadonlyMap<string, {readonly session: BgpSession; readonly tunnel: Tunnel}>
  /** By site: the best way, and all that BIRD shares packets with it. */
  readonly ways: Map<SiteName, readonly Way[]>
}

interface Way {
  readonly tunnel: Tunnel
  readonly route: FilteredRoute
}

describe(`${SITES} sites of two gateways, ${HUBS} of them hubs`, function () {
  this.timeout(900_000)
  const mesh = hubMesh(SITES, HUBS)
  const names = (site: {readonly name: SiteName}): string[] => GATEWAYS.map((gateway) => `${site.name}-${gateway}`)
  const homesOf = ({homes}: MeshSite): string[] => homes.flatMap((name) => names({name}))
  let planned: ReturnType<typeof planMesh>
  const hubs = new Map<string, Speaker>()

  before(() => {
    planned = planMesh(mesh)
    for (const site of mesh.sites.slice(0, HUBS)) {
      for (const gateway of GATEWAYS) hubs.set(`${site.name}-${gateway}`, speakerAt(site, gateway).speaker)
    }
    // What each hub has by its own tunnels, and then what hubs tell each other of that.
    for (const site of mesh.sites) {
      const own = GATEWAYS.map((gateway) => originOf(site, gateway))
      for (const hub of hubs.values()) if (meshTunnel(hub.site, site) !== null) learn(hub, site, own)
    }
    for (const site of mesh.sites) {
      const told = homesOf(site).map((name) => hubs.get(name)!)
      for (const hub of hubs.values()) {
        if (hub.site !== site && meshTunnel(hub.site, site) === null) learn(hub, site, told)
      }
    }
  })

  function speakerAt(site: MeshSite, gateway: number): {speaker: Speaker; bird: BirdConfig} {
    const config = meshConfig(mesh, site, gateway)
    const {tunnels} = planned.plans.get(config.gateway)!
    const world = {sites: planned.views, nodes: [], blocks: []}
    const {bird, findings} = planRouting({config, world, tunnels, passwords: new Map(), draining: false})
    assert.deepEqual(findings, [])
    const sessions = new Map(bird.sessions.map((session) => [session.name, session]))
    const links = tunnels.map((tunnel) => [tunnel.gateway, {session: sessions.get(tunnel.session)!, tunnel}] as const)
    return {speaker: {name: config.gateway, site, links: new Map(links), ways: new Map()}, bird}
  }

  /** One that has nothing but its own prefix; what it is told does not matter, so it need not know all others. */
  function originOf(site: MeshSite, gateway: number): Speaker {
    const known = hubs.get(`${site.name}-${gateway}`)
    if (known) return known
    const near = {...mesh, sites: [site, ...site.homes.map((home) => mesh.sites.find(({name}) => name === home)!)]}
    const config = meshConfig(near, site, gateway)
    const {tunnels} = planned.plans.get(config.gateway)!
    const {bird} = planRouting({
      ...{config, tunnels, passwords: new Map(), draining: false},
      world: {sites: planned.views, nodes: [], blocks: []},
    })
    const sessions = new Map(bird.sessions.map((session) => [session.name, session]))
    const links = tunnels.map((tunnel) => [tunnel.gateway, {session: sessions.get(tunnel.session)!, tunnel}] as const)
    return {name: config.gateway, site, links: new Map(links), ways: new Map()}
  }

  /** Takes what these gateways tell of a site, and keeps the best. */
  function learn(to: Speaker, site: MeshSite, from: readonly Speaker[]): void {
    const ways = from.flatMap((teller): Way[] => {
      const link = to.links.get(teller.name)
      if (!link) return []
      return toldBy(teller, to.name, site).flatMap((told): Way[] => {
        const route = runFilter(link.session.import, {...told, protocol: link.session.name})
        return route ? [{tunnel: link.tunnel, route}] : []
      })
    })
    to.ways.set(site.name, best(ways))
  }

  /** What a gateway says over the session to another; of equal ways it may tell any, so all that they come to. */
  function toldBy(teller: Speaker, to: string, site: MeshSite): FilteredRoute[] {
    const own: FilteredRoute = {
      ...{net: site.owns, path: [], communities: [], localPref: 100, med: null},
      ...{origin: 'igp', protocol: 'static4'},
    }
    const routes = teller.site === site ? [own] : (teller.ways.get(site.name) ?? []).map(({route}) => route)
    const {session, tunnel} = teller.links.get(to)!
    const told = routes.flatMap((route) => {
      // BIRD's own rule: not back over the session that it came by; and MED is of the neighbour only.
      if (route.protocol === session.name) return []
      const out = runFilter(session.export, {...route, med: null})
      return out ? [{...out, path: [teller.site.as, ...out.path], localPref: 100}] : []
    })
    const different = new Map(told.map((route) => [JSON.stringify(route), route]))
    assert.ok(new Set(told.map(({communities}) => communities.join())).size <= 1, `${teller.name} over ${tunnel.id}`)
    return [...different.values()]
  }

  /** BIRD's order, as far as it says what is shared: merged are those that are equal up to the router's id. */
  function best(ways: readonly Way[]): Way[] {
    const rank = ({route}: Way): string =>
      [999 - route.localPref, 10 + route.path.length, route.origin === 'igp' ? 0 : 1].join()
    const first = ways.map(rank).sort()[0]
    const equal = ways.filter((way) => rank(way) === first)
    return equal.filter(
      (way) =>
        !equal.some(
          (other) => other.route.path[0] === way.route.path[0] && (other.route.med ?? 0) < (way.route.med ?? 0),
        ),
    )
  }

  it('no gateway has more tunnels than its hubs, or than the other hubs and its spokes', () => {
    let [hub, spoke] = [0, 0]
    for (const site of mesh.sites) {
      for (const name of names(site)) {
        const {tunnels, findings} = planned.plans.get(name)!
        assert.deepEqual(findings, [])
        if (site.homes.length === 0) hub = Math.max(hub, tunnels.length)
        else spoke = Math.max(spoke, tunnels.length)
      }
    }
    assert.equal(spoke, 4)
    assert.ok(hub <= MOST_TUNNELS, `${hub} tunnels`)
  })

  it('every pair has ways, none of them a loop, by hubs only, and none that encrypts less than was asked', () => {
    let [ways, refused, asked] = [0, 0, 0]
    for (const site of mesh.sites) {
      if (site.homes.length > 0 && site.number % EVERY !== 0) continue
      for (const gateway of GATEWAYS) {
        const from = hubs.get(`${site.name}-${gateway}`) ?? speakerAt(site, gateway).speaker
        for (const to of mesh.sites) {
          if (to === site) continue
          if (site.homes.length > 0)
            learn(
              from,
              to,
              homesOf(site).map((name) => hubs.get(name)!),
            )
          const mustBe = mustEncrypt(site, to)
          if (mustBe) asked++
          const found = walk(from, to, [from.name], mustBe)
          ways += found
          const possible = !mustBe || existsEncrypted(site, to)
          assert.equal(found > 0, possible, `${from.name} to ${to.name}: ${found} ways`)
          if (found === 0) refused++
        }
      }
    }
    assert.ok(ways > 10_000 && asked > 100 && refused > 0, `${ways} ways, ${asked} asked for, ${refused} refused`)
  })

  /** Every way that packets may take, hop by hop as each gateway has it; their number. */
  function walk(at: Speaker, to: MeshSite, passed: readonly string[], mustBe: boolean): number {
    let number = 0
    for (const {tunnel} of at.ways.get(to.name) ?? []) {
      const next = tunnel.gateway
      const trace = [...passed, next].join(' ')
      assert.ok(!passed.includes(next), `a loop: ${trace}`)
      assert.ok(passed.length <= 3, `a long way round: ${trace}`)
      if (mustBe) assert.equal(tunnel.encapsulation, 'wireguard', trace)
      if (tunnel.site === to.name) {
        number++
        continue
      }
      const hub = hubs.get(next)
      assert.ok(hub, `${next} is no hub: ${trace}`)
      number += walk(hub, to, [...passed, next], mustBe)
    }
    return number
  }

  /** By the picture of the mesh alone. */
  function existsEncrypted(a: MeshSite, b: MeshSite): boolean {
    const site = (name: SiteName): MeshSite => mesh.sites.find((one) => one.name === name)!
    const isSafe = (one: MeshSite, other: MeshSite): boolean => one === other || meshTunnel(one, other) === 'wireguard'
    return a.homes.some((near) =>
      b.homes.some((far) => isSafe(a, site(near)) && isSafe(site(near), site(far)) && isSafe(site(far), b)),
    )
  }

  for (const [what, number] of [
    ['hub', 3],
    ['spoke', 500],
  ] as const) {
    it(`BIRD takes the configuration of a ${what}`, () => {
      const {bird} = speakerAt(mesh.sites[number]!, 1)
      const folder = mkdtempSync(join(tmpdir(), 'is-mesh-'))
      try {
        const file = join(folder, 'bird.conf')
        writeFileSync(file, renderBird(bird))
        const {status, stderr} = spawnSync('bird', ['-p', '-c', file], {encoding: 'utf8'})
        assert.equal(status, 0, stderr)
      } finally {
        rmSync(folder, {recursive: true})
      }
    })
  }
})
