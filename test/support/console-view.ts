import type {ConsoleView, GatewayStatus, Refused, SiteStatus, TunnelStatus} from '../../src/api/index.ts'
import {ENDPOINT, STATUS} from './fake-view.ts'

/** What somebody who writes labels might try; all of it must come out as text. */
export const SCRIPT = '<img src=x onerror="document.title=1"><script>document.title=2</script>'

const SPAN = 360

/** Names by which a test has a refusal. */
const REFUSED = new Map<string, Refused>([
  ['nowhere', {refused: 'not-found', message: 'nothing of that name'}],
  ['everything', {refused: 'too-large', message: 'more than can be compared'}],
])

/** Answers for the console over fixed data. */
export function fakeConsole(parts: Partial<ConsoleView> = {}): ConsoleView {
  return {
    series: (name, minutes) => {
      const stepSeconds = minutes > 240 ? 300 : minutes > 30 ? 30 : 5
      const now = Math.floor(Date.now() / 1000 / stepSeconds) * stepSeconds
      const column = (value: (index: number) => number | null) => Array.from({length: SPAN}, (_, index) => value(index))
      return {
        ...{name, stepSeconds},
        at: column((index) => now - (SPAN - 1 - index) * stepSeconds) as number[],
        rttMs: column((index) => (index > 200 && index < 220 ? null : 12 + 3 * Math.sin(index / 20) + (index % 7) / 4)),
        jitterMs: column((index) => 0.4 + (index % 11) / 20),
        lossRatio: column((index) => (index > 190 && index < 225 ? 0.08 : 0)),
        rxBytesPerSecond: column((index) => 4e6 + 2e6 * Math.sin(index / 35) + (index % 13) * 1e5),
        txBytesPerSecond: column((index) => 2e6 + 1e6 * Math.cos(index / 25) + (index % 5) * 1e5),
        up: column(() => 1),
      }
    },
    policyMatrix: async (by) =>
      REFUSED.get(by) ?? {
        by,
        labels: ['site', 'namespace', 'class', 'app', 'tier'],
        groups: GROUPS.map((name, index) => ({name, addresses: 400 >> index, classes: 1 + (index % 3)})),
        leftOut: 0,
        cells: GROUPS.map((_, from) => GROUPS.map((_, to) => 'admd'[(from * 3 + to * to) % 4]).join('')),
      },
    policyPair: async (by, from, to) =>
      REFUSED.get(from) ?? {
        ...{by, from, to, leftOut: 0},
        ways: [
          {
            ...{verdict: 'mixed', allowed: 'tcp 443,8443', classPairs: 4},
            from: {...END, address: '10.1.0.5'},
            to: {...END, address: '10.2.0.9'},
            flows: [{from: '10.1.0.5', to: '10.2.0.9', protocol: 'tcp', port: 443}],
          },
        ],
      },
    policyText: (name) => (REFUSED.has(name) ? null : `kind: GlobalNetworkPolicy\nmetadata:\n  name: ${name}\n`),
    policyDiff: (text, [deleted = '']) =>
      REFUSED.get(deleted) ??
      (text.includes('kind')
        ? {
            findings: [],
            rows: [
              {
                ...{change: 'opens', traffic: 'tcp 443'},
                ...{from: ['site a 12 addresses app=client'], to: ['site b 3 addresses app=web']},
                example: {from: '10.1.0.5', to: '10.2.0.9', protocol: 'tcp', port: 443},
              },
            ],
          }
        : {refused: 'document-refused', message: 'the documents have mistakes', findings: STATUS.findings}),
    alerts: async () => ({
      ...{prometheus: 'answered', problem: null},
      firing: [
        {
          ...{name: 'IsthmusTunnelDown', state: 'firing', severity: 'critical'},
          summary: 'Tunnel wan c/c1/wan 0 is down',
          labels: {site: 'a', gateway: 'a1', tunnel: 'wan c/c1/wan 0'},
          since: '2026-01-02T03:04:05Z',
        },
      ],
    }),
    ...parts,
  }
}

const GROUPS = ['web', 'client', 'database', 'monitoring', 'ingress', SCRIPT, 'cache', 'batch', '']

/** Made when asked for: the view that this is a part of is what it is made from. */
export const someEndpoints = () => [
  ENDPOINT,
  {...ENDPOINT, address: '10.2.0.9', site: 'b', names: ['shop/db-0'], labels: {app: 'database', note: SCRIPT}},
  {...ENDPOINT, address: 'fd00:10:2::9', real: 'fd00::9', site: 'b', names: ['shop/db-1'], labels: {app: 'database'}},
]

const END = {
  site: 'a',
  names: ['default/web-1'],
  labels: {app: 'web', note: SCRIPT},
  policies: [{tier: 'default', name: 'web', selector: "app == 'web'"}],
}

/** A gateway that knows so many other sites, most of them well. */
export function statusOfMany(sites: number, beat = 0): GatewayStatus {
  const names = Array.from({length: sites}, (_, index) => nameOf(index))
  const tunnels = names.flatMap((name, index) => tunnelsTo(name, index, beat))
  const [own] = STATUS.sites
  return {
    ...STATUS,
    tunnels,
    sessions: tunnels.map(({gateway, site, up}, index) => ({
      ...STATUS.sessions[0]!,
      name: `tun_${site}_${gateway}_${index}`,
      neighbor: `100.64.${index >> 8}.${index & 255}`,
      ...{up, state: up ? 'Established' : 'Active', lastError: up ? null : 'Hold timer expired'},
    })),
    sites: [own!, ...names.map((name, index) => siteOf(own!, name, index))],
    datastores: [
      ...STATUS.datastores,
      ...names.slice(1, 6).map((name) => ({...STATUS.datastores[0]!, name: `export/${name}`, site: name})),
    ],
  }
}

const CITIES = ['lisbon', 'oslo', 'pune', 'quito', 'riga', 'sofia', 'tallinn', 'utrecht', 'vienna', 'warsaw', 'york']
const nameOf = (index: number): string =>
  index < CITIES.length ? CITIES[index]! : `${CITIES[index % CITIES.length]}-${Math.floor(index / CITIES.length)}`

/** One in seventeen has lost a tunnel, one in twenty-nine all. */
function tunnelsTo(site: string, index: number, beat: number): TunnelStatus[] {
  const [up] = STATUS.tunnels
  return [1, 2].map((number): TunnelStatus => {
    const isUp = !(index % 29 === 7) && !(number === 2 && index % 17 === 3)
    return {
      ...up!,
      ...{site, gateway: `${site}-gw${number}`, name: `wan ${site}/${site}-gw${number}/wan 0`, up: isUp},
      device: `is-${index.toString(16).padStart(4, '0')}${number}`,
      rxBytes: 1e6 * beat * ((index % 7) + 1),
      txBytes: 3e5 * beat * ((index % 5) + 1),
      probes: isUp ? {...up!.probes!, small: {...up!.probes!.small, lastMs: 4 + ((index * 7) % 90)}} : null,
    }
  })
}

const siteOf = (own: SiteStatus, name: string, index: number): SiteStatus => ({
  ...own,
  ...{name, local: false, as: 4_200_000_010 + index, prefixes: [`10.${index + 2}.0.0/16`], pods: 40 * (index + 1)},
  granted: [`10.${index + 2}.0.0/16`],
  state: index % 29 === 7 ? 'stale' : index % 31 === 4 ? 'suspect' : 'fresh',
  presence: index % 29 === 7 ? 'closed' : 'open',
  ...{silentSeconds: index % 29 === 7 ? 4000 : 0.4, cutSeconds: index % 29 === 7 ? 3600 : null, refused: index % 9},
})
